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
	v, err := w.Desk.Editor.View(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for what is not in force: %w", err)
	}
	for _, kind := range w.Desk.Editor.Nouns.Kinds() {
		for _, r := range v.RecordsOf(kind.Section) {
			if len(r.Warnings) > 0 {
				id := r.Item.Key()
				list = append(list, broken{kind.One, id, addressOf(homePath+"/"+kind.Section, id), said(kind.One, r.Warnings[0])})
			}
		}
	}
	return list, nil
}
