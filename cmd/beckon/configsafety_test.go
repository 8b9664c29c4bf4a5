package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/safety"
)

func TestAClientWithAllThreeLegsFails(t *testing.T) {
	facts := safety.Facts{Untrusted: "it has the source github", Private: []string{"the tool docs.search"}, Effects: []safety.Effect{{What: "the endpoint ops"}}}
	list := []clientLegs{{"hub", safety.Judge(facts)}, {"ci", safety.Judge(safety.Facts{})}}
	var out strings.Builder
	require.NoError(t, printLegs(&out, list))
	require.Regexp(t, `(?m)^hub +yes +yes +yes +no$`, out.String())
	require.Contains(t, out.String(), "\nhub: All three risks are present")
	require.Contains(t, out.String(), "  Its agents can read what third parties must not: the tool docs.search.\n")
	require.NotContains(t, out.String(), "\nci: ")
	exit, ok := unsafe(list).(*exitError)
	require.True(t, ok)
	require.Equal(t, exitUnsafe, exit.code)
	facts.Effects[0].Approved = true
	require.NoError(t, unsafe([]clientLegs{{"hub", safety.Judge(facts)}}))
}
