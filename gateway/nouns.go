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
// up; more are nouns besides.
func Nouns(how agents.Factories, env catalog.Env, more ...catalog.Declaration) *catalog.Registry {
	return catalog.NewRegistry(env, append([]catalog.Declaration{
		agents.ProviderNoun(how),
		agents.AgentNoun(),
		agents.FlowNoun(how),
		commands.Noun(),
		clients.Noun(),
		deliveries.Noun(),
	}, more...)...)
}
