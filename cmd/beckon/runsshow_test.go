package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArtifactsAreListed(t *testing.T) {
	var out strings.Builder
	require.NoError(t, printRun(&out, runDocument{RunID: "run_1", WorkflowID: "paint", Artifacts: []artifactDocument{
		{Name: "cat\x1b[2J.png", MediaType: "image/png", Bytes: 48213, NodeID: "paint", URL: "https://example.com/a/art_1?expires=1"}, {Name: "dog.png", NodeID: "paint"}}}))
	require.Contains(t, out.String(), "cat[2J.png  image/png  48213  paint    https://example.com/a/art_1?expires=1\n")
	require.Contains(t, out.String(), "dog.png")
	out.Reset()
	require.NoError(t, printRun(&out, runDocument{RunID: "run_1"}))
	require.NotContains(t, out.String(), "ARTIFACT")
}
