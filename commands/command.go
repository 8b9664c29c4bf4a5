// Package commands keeps prompts with a name.
package commands

import (
	"strings"

	"beckon/internal/problem"
)

// Command is a stored prompt. Its AgentID is the agent or flow it runs on; empty is the client's first.
type Command struct {
	ID          string `json:"id" yaml:"id"`
	Name        string `json:"name,omitempty" yaml:"name,omitempty"`
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
	Prompt      string `json:"prompt" yaml:"prompt"`
	AgentID     string `json:"agentId,omitempty" yaml:"agentId,omitempty"`
}

// Key returns the id.
func (c Command) Key() string { return c.ID }

// Check finds what is wrong with the command on its own.
func (c Command) Check() (found problem.Fields) {
	if strings.TrimSpace(c.Prompt) == "" {
		found.Add("prompt", "is required")
	}
	return found
}
