package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/server"
)

func TestArtifactsAreListed(t *testing.T) {
	var out strings.Builder
	require.NoError(t, printRun(&out, server.RunDetail{RunDocument: server.RunDocument{RunID: "run_1", WorkflowID: "paint"}, Artifacts: []artifacts.Linked{
		{Artifact: agents.Artifact{Name: "cat\x1b[2J.png", MediaType: "image/png", Bytes: 48213, NodeID: "paint"}, URL: "https://example.com/a/art_1?expires=1"},
		{Artifact: agents.Artifact{Name: "dog.png", NodeID: "paint"}}}}))
	require.Contains(t, out.String(), "cat[2J.png  image/png  48213  paint    https://example.com/a/art_1?expires=1\n")
	require.Contains(t, out.String(), "dog.png")
	out.Reset()
	require.NoError(t, printRun(&out, server.RunDetail{RunDocument: server.RunDocument{RunID: "run_1"}}))
	require.NotContains(t, out.String(), "ARTIFACT")
}
