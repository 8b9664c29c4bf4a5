package gateway

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/internal/config"
	"beckon/internal/egress"
	"beckon/internal/secret"
	"beckon/internal/spend"
	"beckon/internal/store"
	"beckon/server"
	"beckon/web"
)

// newServer makes the server with its pages.
func (g *Gateway) newServer() (*server.Server, error) {
	c := g.Initial
	return server.New(server.Config{
		Calls:          g.calls,
		Database:       g.store,
		Artifacts:      g.artifacts,
		Share:          g.share,
		Conversations:  g.sessions,
		Schedules:      g.schedules,
		Tools:          g.tools,
		Log:            g.Log,
		Tracing:        g.Tracing,
		PublicURL:      g.publicURL(),
		Version:        g.Version,
		TrustedProxies: c.Server.ProxyNetworks(),
		Admin:          server.Admin{Token: c.Admin.Token, Editor: g.editor, Budgets: g.budgetUses},
		Pages:          g.newPages,
		Refused:        g.store,
		ProbesOnly:     !c.Server.Has(config.RoleAPI),
		KeepRefused: func(ctx context.Context, list []store.RefusedCall) error {
			return g.store.Write(ctx, func(tx store.Tx) error { return store.Refuse(tx, list) })
		},
	})
}

// newPages makes the pages of a server.
func (g *Gateway) newPages(s *server.Server) (server.Pages, error) {
	transport := egress.NewProviders()
	return web.New(web.Config{
		Store: g.store, Password: g.Initial.Admin.Password, PublicURL: g.publicURL(), Version: g.Version, Log: g.Log,
		Statistics: overview{g.runs.Statistics, g.deliveries, g.artifacts, g.breakers, g.store},
		Backend: &web.Backend{
			Editor:        g.editor,
			Runs:          g.runs,
			Conversations: g.sessions,
			Artifacts:     g.artifacts,
			Share:         g.share,
			Deliveries:    g.deliveries,
			Refused:       g.store,
			Settings:      settings{g},
			Calls:         g.calls,
			Replays:       g.calls,
			Schedules:     g.schedules,
			Tools:         g.tools,
			Follow:        s.Follow,
			Notes:         g.notes,
			FormKey:       g.formKeyInForce,
			ExportData:    s.ExportData,
			Examine:       g.examine,
			Budgets:       g.budgets.Uses,
			ServerBudget:  func() *spend.Budget { return &g.inForce.Load().budget },
			Models: func(ctx context.Context, p agents.Provider) ([]string, error) {
				return chat.Models(ctx, transport, p)
			},
		},
	})
}

// publicURL is server.publicURL where somebody set it, else the address that is listened on.
func (g *Gateway) publicURL() string {
	tcp, ok := g.Address.(*net.TCPAddr)
	if !ok || g.Initial.OriginOf("server.publicURL") != (config.Origin{}) {
		return strings.TrimSuffix(g.Initial.Server.PublicURL, "/")
	}
	host := tcp.IP.String()
	if tcp.IP.IsLoopback() || tcp.IP.IsUnspecified() {
		host = "localhost"
	}
	return fmt.Sprintf("http://%s", net.JoinHostPort(host, fmt.Sprint(tcp.Port)))
}

// settings are what the page shows of a gateway's configuration.
type settings struct{ *Gateway }

// Settings are those in force. A setting that the file has changed since, and that needs a restart, has its old value.
func (s settings) Settings() []web.Setting {
	now := s.file()
	_, restart := config.Changes(s.Initial, now)
	before := map[string]config.Setting{}
	for _, setting := range s.Initial.Settings() {
		before[setting.Key] = setting
	}
	list := now.Settings()
	shown := make([]web.Setting, len(list))
	for i, setting := range list {
		later := ""
		if slices.Contains(restart, setting.Key) {
			setting, later = before[setting.Key], "; the next start takes another value from "+setting.Origin.String()
		}
		shown[i] = web.Setting{
			Key:         setting.Key,
			Description: setting.Description,
			Value:       setting.Value,
			Origin:      setting.Origin.String() + later,
		}
		if setting.Value == "" {
			s.showGenerated(&shown[i])
		}
		s.showEffective(&shown[i])
	}
	return shown
}

// showEffective says where the gateway listens, and what its URL is derived from, where that is not as configured.
func (s settings) showEffective(shown *web.Setting) {
	switch shown.Key {
	case "server.address":
		tcp, ok := s.Address.(*net.TCPAddr)
		if _, port, err := net.SplitHostPort(shown.Value); ok && err == nil && port != fmt.Sprint(tcp.Port) {
			shown.Value, shown.Origin = tcp.String(), shown.Origin+", which says "+shown.Value
		}
	case "server.publicURL":
		if s.Initial.OriginOf(shown.Key) == (config.Origin{}) {
			shown.Value, shown.Origin = s.publicURL(), "derived from the address that Beckon listens on"
		}
	}
}

// showGenerated says of what nobody has configured, and Beckon has generated, that it is in force.
func (s settings) showGenerated(shown *web.Setting) {
	switch shown.Key {
	case "admin.password":
		shown.Value, shown.Origin = secret.Mask, "created and printed at the first start"
	case "server.secretsKey":
		if path, ok := secretsKeyFile(s.Initial); ok {
			shown.Value, shown.Origin = secret.Mask, "made by Beckon, in "+path
		}
	}
}

// Trouble says what is wrong with the configuration file since it was last in force.
func (s settings) Trouble() string {
	if err := s.reloadFailure.Load(); err != nil && *err != nil {
		return (*err).Error()
	}
	return ""
}

// ConfigFile returns where the configuration file is, or where it would have been found.
func (s settings) ConfigFile() (path string, exists bool) {
	file := s.Initial.File()
	path, err := filepath.Abs(cmp.Or(file, "config.yaml"))
	if err != nil { // the folder is gone
		path = cmp.Or(file, "config.yaml")
	}
	return path, file != ""
}

// Export writes what is in force as beckon config export does.
func (s settings) Export(ctx context.Context, w io.Writer) error {
	v, err := s.editor.View(ctx)
	if err != nil {
		return fmt.Errorf("export the configuration: %w", err)
	}
	return config.Export(w, s.file(), v)
}
