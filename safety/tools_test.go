package safety_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/safety"
)

func TestTools(t *testing.T) {
	const of = " of agent a"
	free := func(tool string) safety.Effect { return safety.Effect{What: "the tool " + tool + of} }
	approved := func(tool string) safety.Effect { return safety.Effect{What: "the tool " + tool + of, Approved: true} }
	for name, row := range map[string]struct {
		tools   safety.Tools
		private []string
		effects []safety.Effect
	}{
		"none for the client":  {safety.Tools{Agent: []string{"docs.*"}}, nil, nil},
		"none for the agent":   {safety.Tools{Client: []string{"docs.*"}}, nil, nil},
		"of other servers":     {safety.Tools{Agent: []string{"docs.*"}, Client: []string{"deploy.*"}}, nil, nil},
		"the same":             {safety.Tools{Agent: []string{"docs.search"}, Client: []string{"docs.search"}}, []string{"the tool docs.search" + of}, []safety.Effect{free("docs.search")}},
		"the client's narrow":  {safety.Tools{Agent: []string{"docs.*"}, Client: []string{"docs.se*"}}, []string{"the tool docs.se*" + of}, []safety.Effect{free("docs.se*")}},
		"the agent's narrow":   {safety.Tools{Agent: []string{"docs.search", "docs.add"}, Client: []string{"docs.*"}}, []string{"the tool docs.search" + of, "the tool docs.add" + of}, []safety.Effect{free("docs.search"), free("docs.add")}},
		"approved":             {safety.Tools{Agent: []string{"d.x"}, Client: []string{"d.*"}, Approve: []string{"d.*"}}, []string{"the tool d.x" + of}, []safety.Effect{approved("d.x")}},
		"approved in part":     {safety.Tools{Agent: []string{"d.*"}, Client: []string{"d.*"}, Approve: []string{"d.x"}}, []string{"the tool d.*" + of}, []safety.Effect{free("d.*")}},
		"read only":            {safety.Tools{Agent: []string{"d.x", "d.y"}, Client: []string{"d.*"}, ReadOnly: func(p string) bool { return p == "d.x" }}, []string{"the tool d.x" + of, "the tool d.y" + of}, []safety.Effect{free("d.y")}},
		"harmless":             {safety.Tools{Agent: []string{"time.now", "run.note"}, Client: []string{"time.now", "run.*"}}, nil, nil},
		"fetches what it says": {safety.Tools{Agent: []string{"http.get"}, Client: []string{"http.*"}, ReadOnly: func(string) bool { return true }}, nil, []safety.Effect{free("http.get")}},
	} {
		t.Run(name, func(t *testing.T) {
			row.tools.AgentID = "a"
			var f safety.Facts
			f.AddTools(row.tools)
			require.Equal(t, row.private, f.Private)
			require.Equal(t, row.effects, f.Effects)
		})
	}
}
