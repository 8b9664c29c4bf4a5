package gateway

import (
	"log/slog"
	"os"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/agents/flow"
	"beckon/agents/job"
	"beckon/agents/reply"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/egress"
	"beckon/tools"
)

// Nouns returns the registry of all that people can name. To add a noun, write its package, and its form in web; then
// add its line here, behind those that it refers to. env is where resources of the database may have their keys looked
// up; more are nouns besides.
func Nouns(invoke agents.Factories, env catalog.Env, more ...catalog.Declaration) *catalog.Registry {
	return catalog.NewRegistry(env, append([]catalog.Declaration{
		tools.Noun(),
		agents.ProviderNoun(invoke),
		agents.AgentNoun(),
		agents.FlowNoun(invoke),
		commands.Noun(),
		clients.Noun(),
		deliveries.Noun(),
	}, more...)...)
}

// allNouns are those of a gateway, with every way of invoking an agent. breakers and out, which
// gets the files that answers name, are nil where nothing is invoked.
func allNouns(log *slog.Logger, breakers *agents.Breakers, out agents.Fetcher) *catalog.Registry {
	return Nouns(agents.Factories{
		Providers: map[string]agents.Factory{
			"openai":    chat.New(egress.NewProviders(), log),
			"anthropic": chat.New(egress.NewProviders(), log),
			"responses": chat.New(egress.NewProviders(), log),
			"template":  reply.New(),
		},
		Media:    chat.NewMedia(egress.NewProviders(), out, log),
		HTTP:     job.New(egress.NewProviders(), out, log),
		Flow:     flow.New(),
		Breakers: breakers,
	}, os.LookupEnv)
}
