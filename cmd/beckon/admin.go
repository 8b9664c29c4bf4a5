package main

import (
	"beckon/internal/config"
	"beckon/server"
)

// admin is what the admin API works on.
func (l *live) admin(c *config.Config, editor *config.Editor) server.Admin {
	return server.Admin{Token: c.Admin.Token, Secrets: editor, Audit: editor, Resources: server.Resources{Providers: editor.Providers,
		Agents: editor.Agents, Flows: editor.Flows, Commands: editor.Commands, Clients: editor.Clients, Endpoints: editor.Endpoints}}
}
