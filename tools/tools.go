// Package tools provides the tools that agents may call: those of MCP servers, and the built-in ones.
//
//   - A tool's full name has the id of its server in front: "docs.search". Built-in tools have a group in place of a
//     server: "http.get". No server may have the id of a group.
//   - An agent may use a tool only if the lists of both the agent and the client contain it; an empty list contains
//     none. Box.Tools applies the lists. Box.Call does not, so callers must ask Box.Tools first.
package tools

import (
	"context"
	"encoding/json"

	"beckon/agents"
	"beckon/tools/names"
)

// The codes of the problems of tools.
const (
	CodeToolNotFound    = "tool_not_found"
	CodeToolFailed      = "tool_failed"      // its server has answered with an error
	CodeToolUnavailable = "tool_unavailable" // its server cannot be reached
	CodeToolTimeout     = "tool_timeout"
	CodeToolOutcome     = "tool_outcome_unknown" // the call was sent, and then the connection was lost
)

// Tool is one tool that a server or Beckon itself offers.
type Tool struct {
	Name        string // "docs.search": the server's id, a dot, the tool's own name; "http.get" for a built-in one
	Title       string // for people; "" where it has none
	Description string
	Schema      json.RawMessage // JSON Schema of its arguments, an object
	// it may be called again after a crash: it changes nothing, says its server (readOnlyHint)
	ReadOnly bool
}

// ProviderName is what the tool is called at providers of models, whose names have no dots: "docs__search". No two
// tools of one Box have the same.
func (t Tool) ProviderName() string { return names.AtProvider(t.Name) }

// Use is one call of a tool.
type Use struct {
	Tool      string
	Arguments json.RawMessage // Call checks them against the schema; empty is {}

	RunID, NodeID, ClientID string

	Files     agents.Files      // keeps what the tool makes; nil when nobody does
	Artifacts []agents.Artifact // files of the run that artifact.read may read
	Note      func(text string) // takes what run.note says; nil when nobody does
	Progress  func(message string)
}

// Result is what a tool gave.
type Result struct {
	Text      string // for the model, cut with a note where it was too long
	IsError   bool   // the tool itself says that it failed: the model is told
	Artifacts []agents.Artifact
	Unknown   bool // with an error: the call was sent and its outcome is not known
}

// Box offers tools. It is safe for concurrent use.
type Box interface {
	// Tools returns those whose names match one of the patterns of both lists ("docs.*", "deploy.status"), sorted
	// by name; none for an empty list. It connects to the servers that the patterns name where that has not been
	// done. The tools of one that cannot be reached are those of its last list.
	Tools(ctx context.Context, agent, client []string) []Tool
	// Call calls one. The error is an *ArgumentError where its schema refuses the arguments, which the model may
	// mend, and else a *problem.Error: for what Beckon refuses or could not do. It is ctx's where that has ended.
	Call(ctx context.Context, use Use) (Result, error)
}

// ArgumentError says what is wrong with the arguments of a call, in words for the model that gave them.
type ArgumentError struct{ Reason string }

// Error implements error.
func (e *ArgumentError) Error() string { return "the arguments cannot be used: " + e.Reason }
