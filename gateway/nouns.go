// Package gateway assembles Beckon.
package gateway

import (
	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
)

// Nouns returns the registry of all that people can name. To add a noun, write its package, and its form in web; then
// add its line here, behind those that it refers to. env is where resources of the database may have their keys looked
// up.
func Nouns(how agents.Factories, env catalog.Env) *catalog.Registry {
	return catalog.NewRegistry(env,
		agents.ProviderNoun(how),
		agents.AgentNoun(how),
		agents.FlowNoun(how),
		commands.Noun(),
		clients.Noun(),
		deliveries.Noun(),
	)
}
