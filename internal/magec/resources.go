package magec

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"beckon/internal/cron"
)

// usualURLs are those of backends that name none.
var usualURLs = map[string]string{
	"openai":    "https://api.openai.com/v1",
	"anthropic": "https://api.anthropic.com/v1",
	"gemini":    "https://generativelanguage.googleapis.com/v1beta/openai",
}

func (c *converter) backends() (list []object) {
	for _, b := range c.Backends {
		url := cmp.Or(b.URL, usualURLs[b.Type])
		if url == "" {
			c.miss("Backend %q: its type %q is not known, and it has no URL.", b.label(), b.Type)
			continue
		}
		kind := "openai" // what else there is speaks it too
		if b.Type == "anthropic" {
			kind = b.Type
		}
		id := c.providers.add(b.described, "provider")
		var o object
		o.add("id", id)
		o.add("name", nameUnlessID(b.described, id))
		o.add("type", kind)
		o.add("url", strings.TrimRight(url, "/"))
		o.add("apiKey", c.hide(b.APIKey, id, "api_key"))
		o.add("headers", c.hideAll(b.Headers, id))
		list = append(list, o)
	}
	return list
}

func (c *converter) toolServers() (list []object) {
	for _, s := range c.MCPServers {
		if s.Command == "" && s.Endpoint == "" {
			c.miss("MCP server %q: it has neither an endpoint nor a command.", s.label())
			continue
		}
		id := c.servers.add(s.described, "tools", c.options.IsReserved)
		var o object
		o.add("id", id)
		o.add("name", nameUnlessID(s.described, id))
		if s.Endpoint != "" && s.Type != "stdio" {
			o.add("url", s.Endpoint)
			o.add("headers", c.hideAll(s.Headers, id))
		} else {
			o.add("command", append([]string{s.Command}, s.Args...))
			o.add("env", c.hideAll(s.Env, id))
		}
		list = append(list, o)
		if s.Insecure {
			c.miss("MCP server %q: certificates are checked: name the one of its authority to the system.", s.label())
		}
		if s.WorkDir != "" {
			c.miss("MCP server %q: its workDir.", s.label())
		}
		if s.SystemPrompt != "" {
			c.miss("MCP server %q: its systemPrompt: add it to those of its agents.", s.label())
		}
	}
	return list
}

func (c *converter) allAgents() (list []object) {
	keys := map[string]bool{}
	for _, a := range c.data.Agents {
		keys[a.OutputKey] = a.OutputKey != ""
	}
	for _, a := range c.data.Agents {
		provider, ok := c.providers[a.LLM.Backend]
		if !ok {
			c.miss("Agent %q: it has no backend that could be taken over, and is left out.", a.label())
			continue
		}
		id := c.agents.add(a.described, "agent")
		if !c.options.Tools && len(a.MCPServers) > 0 {
			c.miss("Agent %q: this version of Beckon has no lists of tools, "+
				"and offers it none of those of its MCP servers.", a.label())
		}
		for _, server := range a.MCPServers {
			if name := c.servers[server]; name != "" && c.options.Tools {
				c.tools[a.ID] = append(c.tools[a.ID], name+".*")
			}
		}
		var o object
		o.add("id", id)
		o.add("name", nameUnlessID(a.described, id))
		o.add("provider", provider)
		o.add("model", a.LLM.Model)
		o.add("systemPrompt", promptOf(a.SystemPrompt, keys))
		o.add("outputKey", a.OutputKey)
		o.add("tools", c.tools[a.ID])
		list = append(list, o)
		c.missOfAgent(a)
	}
	return list
}

func (c *converter) missOfAgent(a agent) {
	for _, lost := range []struct {
		isSet bool
		what  string
	}{
		{len(a.LLM.Headers) > 0, "the headers of its model: give them to its provider"},
		{a.Transcription.Backend != "", "transcription: add an agent of kind transcription"},
		{a.TTS.Backend != "", "its voice: add an agent of kind speech"},
		{a.Memory.Session != "" || a.Memory.LongTerm != "", "memory"},
		{a.ContextGuard != nil && a.ContextGuard.Enabled, "the guard of its context"},
		{a.A2A != nil && a.A2A.Enabled, "A2A"},
	} {
		if lost.isSet {
			c.miss("Agent %q: %s.", a.label(), lost.what)
		}
	}
}

// placeholder is how Magec puts what is in the state into a prompt: {draft}, or {draft?} where it may be missing.
var placeholder = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_]*)\??\}`)

// promptOf writes a system prompt with the placeholders of known outputs as those of a template.
func promptOf(text string, keys map[string]bool) string {
	isTemplate := strings.Contains(text, "{{")
	text = strings.ReplaceAll(text, "{{", `{{"{{"}}`)
	written := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		key := placeholder.FindStringSubmatch(found)[1]
		if !keys[key] {
			return found
		}
		isTemplate = true
		return `{{ .outputs.` + key + ` | default "" }}`
	})
	if !isTemplate {
		return text
	}
	return written
}

func (c *converter) allCommands() (list []object) {
	for _, m := range c.data.Commands {
		if strings.TrimSpace(m.Prompt) == "" {
			c.miss("Command %q: it has no prompt, and is left out.", m.label())
			continue
		}
		id := c.commands.add(m.described, "command")
		var o object
		o.add("id", id)
		o.add("name", nameUnlessID(m.described, id))
		o.add("description", m.Description)
		o.add("prompt", m.Prompt)
		list = append(list, o)
	}
	return list
}

var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func (c *converter) allClients() (list []object) {
	taken := names{}
	for _, k := range c.data.Clients { // a client keeps its id, and so its URL
		if id := strings.ToLower(k.ID); validID.MatchString(id) {
			taken[k.ID] = id
		}
	}
	for _, k := range c.data.Clients {
		if id := taken[k.ID]; id == "" {
			id = taken.add(k.described, "client")
			c.miss("Client %q: its id cannot be that of a client here; its URL ends in %s now.", k.label(), id)
		}
		if o := c.client(k, taken[k.ID]); o != nil {
			list = append(list, o)
		}
	}
	return list
}

// client writes one; nil for one that has no counterpart.
func (c *converter) client(k client, id string) (o object) {
	var allowed, tools []string
	for _, a := range k.AllowedAgents {
		if name := c.agents[a]; name != "" && !slices.Contains(allowed, name) {
			allowed = append(allowed, name)
			tools = append(tools, c.tools[a]...)
		} else if name == "" {
			c.miss("Client %q: it may call %q, which was not taken over.", k.label(), a)
		}
	}
	config := k.Config.Webhook
	switch k.Type {
	case "cron":
		config = k.Config.Cron
	case "webhook", "direct":
	default:
		c.miss("Client %q: nothing here is like its type %q. Answers go to chats by endpoints.", k.label(), k.Type)
		return nil
	}
	if config == nil {
		config = &clientConfig{Passthrough: k.Type == "direct"}
	}
	commandID := c.commands[config.CommandID]
	switch {
	case len(allowed) == 0:
		c.miss("Client %q: none of the agents that it may call was taken over. It is left out.", k.label())
		return nil
	case !config.Passthrough && commandID == "":
		c.miss("Client %q: it has no command that was taken over, and is left out.", k.label())
		return nil
	}
	if k.Type == "direct" {
		c.miss("Client %q: it calls by a webhook and by the runs API; there is no voice interface.", k.label())
	}
	o.add("id", id)
	o.add("name", nameUnlessID(k.described, id))
	if k.Enabled != nil && !*k.Enabled {
		o.add("enabled", false)
	}
	o.add("token", c.hide(cmp.Or(k.Token, "?"), "client", cmp.Or(k.Name, id), "token"))
	o.add("passthrough", config.Passthrough)
	if !config.Passthrough {
		o.add("commandId", commandID)
	}
	o.add("allowedAgents", allowed)
	slices.Sort(tools)
	o.add("tools", slices.Compact(tools))
	if config.Schedule != "" {
		if _, err := cron.Parse(config.Schedule, time.UTC); err != nil {
			c.miss("Client %q: its schedule %q. %s.", k.label(), config.Schedule,
				strings.ToUpper(err.Error()[:1])+err.Error()[1:])
		} else {
			o.add("schedule", config.Schedule)
		}
	}
	return o
}
