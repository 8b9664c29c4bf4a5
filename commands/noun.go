package commands

import "beckon/internal/catalog"

// Noun declares commands.
func Noun() catalog.Noun[Command] {
	return catalog.Noun[Command]{
		Kind: catalog.Kind{Section: "commands", One: "command"},
		References: func(c Command) []catalog.Reference {
			return []catalog.Reference{{Path: "agentId", To: "agents", ID: c.AgentID}}
		},
	}
}
