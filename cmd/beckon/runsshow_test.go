package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/runs"
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

func TestARunSaysWhatItWaitsFor(t *testing.T) {
	until := "2026-02-18T03:12:00.000Z"
	run := server.RunDetail{RunDocument: server.RunDocument{RunID: "run_1", WorkflowID: "on-call", Status: runs.Waiting}, Nodes: []server.NodeDocument{{NodeID: "on-call", ToolCalls: []server.ToolCallDocument{
		{ID: "call_1", Tool: "deploy.status", Arguments: map[string]any{}, Status: agents.ToolCompleted},
		{ID: "call_2", Tool: "deploy.rollback\x1b[2J", Arguments: map[string]any{"version": strings.Repeat("v41", 100)}, Status: agents.ToolWaiting, ExpiresAt: &until},
	}}}}
	var out strings.Builder
	require.NoError(t, printRun(&out, run))
	require.Regexp(t, `WAITS FOR +ARGUMENTS +UNTIL +CALL\ndeploy\.rollback\[2J  \{"version":"v41v41[v41]+…  2026-\S+ \S+ +call_2\n`, out.String())
	require.Contains(t, out.String(), "POST /api/v1/runs/run_1/approvals/CALL")
	require.NotContains(t, out.String(), "deploy.status")

	run.Nodes[0].ToolCalls[1].ExpiresAt = nil // somebody has decided
	out.Reset()
	require.NoError(t, printRun(&out, run))
	require.NotContains(t, out.String(), "WAITS FOR")
}
