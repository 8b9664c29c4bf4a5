package web

import (
	"context"
	"fmt"
)

// mostBroken is how many of what is not in force the overview lists.
const mostBroken = 20

// broken is something that is kept, and not in force until it is mended.
type broken struct {
	What    string // "client"
	ID      string // empty for the configuration file
	Address string
	Why     string
}

// notInForce lists what is broken: causes before what they break.
func (w *Web) notInForce(ctx context.Context) (list []broken, err error) {
	if wrong := w.Desk.Settings.Trouble(); wrong != "" {
		list = append(list, broken{What: "the configuration file", Address: "/admin/settings", Why: "The old one stays in force: " + wrong})
	}
	for _, add := range []func(*[]broken) error{
		brokenOf(ctx, "provider", "/admin/providers", w.Desk.Providers), brokenOf(ctx, "agent", "/admin/agents", w.Desk.Agents),
		brokenOf(ctx, "flow", "/admin/flows", w.Desk.Flows), brokenOf(ctx, "command", "/admin/commands", w.Desk.Commands),
		brokenOf(ctx, "client", "/admin/clients", w.Desk.Clients), brokenOf(ctx, "endpoint", endpointsPath, w.Desk.Endpoints),
	} {
		if err := add(&list); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func brokenOf[T interface{ Key() string }](ctx context.Context, what, path string, kept Resource[T]) func(*[]broken) error {
	return func(list *[]broken) error {
		records, err := kept.List(ctx)
		if err != nil {
			return fmt.Errorf("look for what is not in force: %w", err)
		}
		for _, r := range records {
			if len(r.Warnings) > 0 {
				*list = append(*list, broken{what, r.Item.Key(), addressOf(path, r.Item.Key()), said(what, r.Warnings[0])})
			}
		}
		return nil
	}
}
