// Package magec reads the data of Magec (github.com/achetronic/magec), the JSON file that it keeps its resources
// in, and writes them as a configuration of Beckon.
//
// Nothing is lost silently: what has no counterpart is listed. A secret that stands in the file is written as the
// name of a variable, and never shown.
package magec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"
)

// data is the file, as far as it is understood. Members that are not are looked for in more.
type data struct {
	Backends   []backend       `json:"backends"`
	MCPServers []mcpServer     `json:"mcpServers"`
	Skills     []described     `json:"skills"`
	Agents     []agent         `json:"agents"`
	Clients    []client        `json:"clients"`
	Flows      []flow          `json:"flows"`
	Commands   []command       `json:"commands"`
	Memory     []described     `json:"memoryProviders"`
	Secrets    []storedSecret  `json:"secrets"`
	Settings   json.RawMessage `json:"settings"`
	more       map[string]json.RawMessage
}

type described struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type storedSecret struct {
	Key string `json:"key"` // the name of a variable; what it holds is not read
}

type backend struct {
	described
	Type    string            `json:"type"`
	URL     string            `json:"url"`
	APIKey  string            `json:"apiKey"`
	Headers map[string]string `json:"headers"`
}

type mcpServer struct {
	described
	Type         string            `json:"type"`
	Endpoint     string            `json:"endpoint"`
	Headers      map[string]string `json:"headers"`
	Insecure     bool              `json:"insecure"`
	Command      string            `json:"command"`
	Args         []string          `json:"args"`
	Env          map[string]string `json:"env"`
	WorkDir      string            `json:"workDir"`
	SystemPrompt string            `json:"systemPrompt"`
}

type backendRef struct {
	Backend string            `json:"backend"`
	Model   string            `json:"model"`
	Headers map[string]string `json:"headers"`
}

type agent struct {
	described
	SystemPrompt  string       `json:"systemPrompt"`
	OutputKey     string       `json:"outputKey"`
	LLM           backendRef   `json:"llm"`
	Transcription backendRef   `json:"transcription"`
	TTS           backendRef   `json:"tts"`
	MCPServers    []string     `json:"mcpServers"`
	Skills        []string     `json:"skills"`
	Memory        memoryRef    `json:"memory"`
	ContextGuard  *enabledFlag `json:"contextGuard"`
	A2A           *enabledFlag `json:"a2a"`
}

type memoryRef struct {
	Session  string `json:"session"`
	LongTerm string `json:"longTerm"`
}

type enabledFlag struct {
	Enabled bool `json:"enabled"`
}

type command struct {
	described
	Description string `json:"description"`
	Prompt      string `json:"prompt"`
}

type client struct {
	described
	Type          string   `json:"type"`
	Token         string   `json:"token"`
	AllowedAgents []string `json:"allowedAgents"`
	Enabled       *bool    `json:"enabled"`
	Config        struct {
		Cron    *clientConfig `json:"cron"`
		Webhook *clientConfig `json:"webhook"`
	} `json:"config"`
}

type clientConfig struct {
	Passthrough bool   `json:"passthrough"`
	CommandID   string `json:"commandId"`
	Schedule    string `json:"schedule"`
}

// flow is a tree of steps (root), or in newer versions a graph (nodes and edges).
type flow struct {
	described
	Root  *step `json:"root"`
	Entry string
	Nodes []node       `json:"nodes"`
	Edges []edge       `json:"edges"`
	A2A   *enabledFlag `json:"a2a"`
}

type step struct {
	Type          string `json:"type"`
	AgentID       string `json:"agentId"`
	ResponseAgent bool   `json:"responseAgent"`
	MaxIterations int    `json:"maxIterations"`
	Steps         []step `json:"steps"`
}

type node struct {
	ID            string `json:"id"`
	Type          string `json:"type"`
	AgentID       string `json:"agentId"`
	ResponseAgent bool   `json:"responseAgent"`
}

type edge struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Route string `json:"route"`
}

// read takes JSON, or YAML with the same members.
func read(text []byte) (*data, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if !bytes.HasPrefix(text, []byte("{")) {
		var document map[string]any
		err := yaml.Unmarshal(text, &document)
		if err == nil {
			text, err = json.Marshal(document)
		}
		if err != nil {
			return nil, errors.New("it is neither JSON nor YAML")
		}
	}
	d := &data{more: map[string]json.RawMessage{}}
	if err := json.Unmarshal(text, d); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, fmt.Errorf("%s is not what Magec has there: it is a JSON %s", wrong.Field, wrong.Value)
		}
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if err := json.Unmarshal(text, &d.more); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if d.more["providers"] != nil {
		return nil, errors.New("it is a configuration of Beckon")
	}
	if len(d.Backends)+len(d.Agents)+len(d.Flows)+len(d.Clients)+len(d.Commands)+len(d.MCPServers) == 0 {
		return nil, errors.New("it has no backends, agents, flows, commands, clients or mcpServers: " +
			"is it the data of Magec, such as data/store.json?")
	}
	return d, nil
}
