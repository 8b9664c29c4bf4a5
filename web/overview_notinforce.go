package web

import (
	"context"
	"fmt"
)

// maxNotInForce is how many resources the overview lists as not in force.
const maxNotInForce = 20

// notInForceRow is a saved resource, or the file, that is not in force until somebody corrects it.
type notInForceRow struct {
	What    string // "client"
	ID      string // empty for the configuration file
	Address string
	Why     string
}

// notInForce lists what is not in force: a cause before what depends on it.
func (w *Web) notInForce(ctx context.Context) (list []notInForceRow, err error) {
	if wrong := w.Backend.Settings.Trouble(); wrong != "" {
		list = append(list, notInForceRow{
			What:    "the configuration file",
			Address: "/admin/settings",
			Why:     "The previous version stays active: " + wrong,
		})
	}
	v, err := w.Backend.Editor.View(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for what is not in force: %w", err)
	}
	for _, kind := range w.Backend.Editor.Nouns.Kinds() {
		for _, r := range v.RecordsOf(kind.Section) {
			if len(r.Warnings) > 0 {
				id := r.Item.Key()
				list = append(list, notInForceRow{
					kind.One, id, addressOf(homePath+"/"+kind.Section, id), fieldSentence(kind.One, r.Warnings[0]),
				})
			}
		}
	}
	return list, nil
}
