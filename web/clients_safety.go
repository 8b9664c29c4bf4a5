package web

import (
	"context"

	"beckon/clients"
	"beckon/safety"
)

// legsOf returns the legs of a client as it is saved.
func (w *Web) legsOf(ctx context.Context, c clients.Client) (*safety.Legs, error) {
	v, err := w.Backend.Editor.View(ctx)
	if err != nil {
		return nil, err
	}
	legs := safety.Of(v, c)
	return &legs, nil
}
