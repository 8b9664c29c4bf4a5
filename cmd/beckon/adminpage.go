package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/calls"
	"beckon/internal/config"
	"beckon/internal/egress"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/server"
	"beckon/web"
)

// adminPage is the page of the administration, before the server that it asks for calls is there.
type adminPage struct {
	live     *live
	started  *config.Config
	services *services
	calls    *calls.Service
	server   *server.Server
}

// serverWithPage wires the pages and the server, which need each other. url is where the page is reached.
func serverWithPage(l *live, working *services, started *config.Config, url string, made server.Config) (*server.Server, error) {
	p := &adminPage{live: l, started: started, services: working, calls: made.Calls}
	pages, err := web.New(web.Config{Store: l.store, Password: started.Admin.Password, PublicURL: url, Version: version, Log: l.log,
		Numbers: numbers{working.runs.Statistics, working.deliveries, l.breakers, l.store}, Desk: p.desk()})
	if err != nil {
		return nil, err
	}
	made.Admin = server.Admin{Token: started.Admin.Token, Sessions: pages, Editor: l.editor}
	made.Pages, made.KeepRefused = pages, p.keepRefused
	p.server = server.New(made)
	return p.server, nil
}

func (p *adminPage) desk() *web.Desk {
	transport := egress.NewProviders()
	return &web.Desk{Editor: p.live.editor, Refused: p.live.store, Runs: p.services.runs, Deliveries: p.services.deliveries, Settings: p,
		Calls:  p.calls,
		Follow: func(w http.ResponseWriter, r *http.Request, runID string) error { return p.server.Follow(w, r, runID) },
		Models: func(ctx context.Context, p agents.Provider) ([]string, error) { return chat.Models(ctx, transport, p) },
		Notes:  p.live.notes}
}

func (p *adminPage) keepRefused(ctx context.Context, list []store.RefusedCall) error {
	db := p.live.store
	return db.Write(ctx, func(tx store.Tx) error { return store.Refuse(tx, list) })
}

// Settings are those in force. A setting that the file has changed since, and that needs a restart, has its old value.
func (p *adminPage) Settings() []web.Setting {
	now := p.live.inForce()
	_, waits := config.Changes(p.started, now)
	before := map[string]config.Setting{}
	for _, s := range p.started.Settings() {
		before[s.Key] = s
	}
	list := now.Settings()
	shown := make([]web.Setting, len(list))
	for i, s := range list {
		later := ""
		if slices.Contains(waits, s.Key) {
			s, later = before[s.Key], "; the next start takes another value from "+s.Origin.String()
		}
		shown[i] = web.Setting{Key: s.Key, Value: s.Value, Origin: s.Origin.String() + later}
		if s.Value == "" {
			p.addMade(&shown[i])
		}
	}
	return shown
}

// addMade says of what the configuration leaves out, and Beckon has made, that it is in force.
func (p *adminPage) addMade(s *web.Setting) {
	switch s.Key {
	case "admin.password":
		s.Value, s.Origin = secret.Mask, "made at the first start, which printed it"
	case "server.secretsKey":
		if path, ok := secretsKeyFile(p.started); ok {
			s.Value, s.Origin = secret.Mask, "made by Beckon, in "+path
		}
	}
}

// Trouble says what is wrong with the configuration file since it was last in force.
func (p *adminPage) Trouble() string {
	if err := p.live.trouble.Load(); err != nil && *err != nil {
		return (*err).Error()
	}
	return ""
}

// Export writes what is in force as beckon config export does.
func (p *adminPage) Export(ctx context.Context, w io.Writer) error {
	v, err := p.live.editor.View(ctx)
	if err != nil {
		return fmt.Errorf("export the configuration: %w", err)
	}
	return config.Export(w, p.live.inForce(), v)
}
