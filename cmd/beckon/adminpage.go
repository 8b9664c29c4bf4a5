package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"gorm.io/gorm"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/clients"
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
	server   *server.Server
}

// serverWithPage wires the pages and the server, which need each other. url is where the page is reached.
func serverWithPage(l *live, working *services, started *config.Config, url string, made server.Config) (*server.Server, error) {
	p := &adminPage{live: l, started: started, services: working}
	made.Admin = server.Admin{Token: started.Admin.Token, Editor: l.editor}
	made.KeepRefused = p.keepRefused
	made.Pages = func(s *server.Server) (server.Pages, error) {
		p.server = s
		return web.New(web.Config{Store: l.store, Password: started.Admin.Password, PublicURL: url, Version: version, Log: l.log,
			Numbers: numbers{working.runs.Statistics, working.deliveries, l.store}, Desk: p.desk()})
	}
	return server.New(made)
}

func (p *adminPage) desk() *web.Desk {
	transport := egress.NewProviders()
	return &web.Desk{Editor: p.live.editor, Refused: p.live.store, Runs: p.services.runs, Deliveries: p.services.deliveries, Settings: p,
		Preview: func(ctx context.Context, c clients.Client, r clients.Request) (clients.Prompt, string, error) {
			return p.server.Preview(ctx, c, r)
		},
		Try: func(ctx context.Context, clientID string, r clients.Request) (string, error) {
			return p.server.Try(ctx, clientID, r)
		},
		Follow: func(w http.ResponseWriter, r *http.Request, runID string) error { return p.server.Follow(w, r, runID) },
		Models: func(ctx context.Context, p agents.Provider) ([]string, error) { return chat.Models(ctx, transport, p) }}
}

func (p *adminPage) keepRefused(ctx context.Context, list []store.RefusedCall) error {
	db := p.live.store
	return db.Write(ctx, func(tx *gorm.DB) error { return db.Refuse(tx, list) })
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
