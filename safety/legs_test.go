package safety_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/safety"
)

func TestJudge(t *testing.T) {
	free, approved := safety.Effect{What: "the endpoint ops"}, safety.Effect{What: "the tool deploy.rollback", Approved: true}
	for name, row := range map[string]struct {
		facts  safety.Facts
		stands [3]bool
		warns  bool
		says   [3]string
	}{
		"nothing": {safety.Facts{}, [3]bool{}, false,
			[3]string{"Only you or your own systems write what its calls contain.", "Its agents have no tools and no sessions: they know only what the call contains.", "Only the caller gets the answer."}},
		"untrusted": {safety.Facts{Untrusted: "it has the source github"}, [3]bool{true, false, false}, false,
			[3]string{"Third parties write what its calls contain: it has the source github.", "", ""}},
		"private":         {safety.Facts{Private: []string{"a", "b"}}, [3]bool{false, true, false}, false, [3]string{"", "Its agents can read what third parties must not: a, b.", ""}},
		"effects":         {safety.Facts{Effects: []safety.Effect{free}}, [3]bool{false, false, true}, false, [3]string{"", "", "Its runs have effects outside: the endpoint ops."}},
		"no private data": {safety.Facts{Untrusted: "x", Effects: []safety.Effect{free}}, [3]bool{true, false, true}, false, [3]string{}},
		"no effects":      {safety.Facts{Untrusted: "x", Private: []string{"a"}}, [3]bool{true, true, false}, false, [3]string{}},
		"trusted":         {safety.Facts{Private: []string{"a"}, Effects: []safety.Effect{free}}, [3]bool{false, true, true}, false, [3]string{}},
		"all three":       {safety.Facts{Untrusted: "x", Private: []string{"a"}, Effects: []safety.Effect{free}}, [3]bool{true, true, true}, true, [3]string{}},
		"all three approved": {safety.Facts{Untrusted: "x", Private: []string{"a"}, Effects: []safety.Effect{approved}}, [3]bool{true, true, true}, false,
			[3]string{"", "", "Its runs have effects outside, each with a person's approval: the tool deploy.rollback."}},
		"one of two approved": {safety.Facts{Untrusted: "x", Private: []string{"a"}, Effects: []safety.Effect{approved, free}}, [3]bool{true, true, true}, true,
			[3]string{"", "", "Its runs have effects outside: the endpoint ops; and with a person's approval: the tool deploy.rollback."}},
		"many": {safety.Facts{Private: []string{"1", "2", "3", "4", "5", "6", "7"}}, [3]bool{false, true, false}, false,
			[3]string{"", "Its agents can read what third parties must not: 1, 2, 3, 4, 5, and 2 more.", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			legs := safety.Judge(row.facts)
			for i, leg := range legs.All() {
				require.Equal(t, row.stands[i], leg.Stands, leg.Name)
				require.NotEmpty(t, leg.Says)
				if row.says[i] != "" {
					require.Equal(t, row.says[i], leg.Says)
				}
			}
			require.Equal(t, row.warns, legs.Warning != "")
		})
	}
}
