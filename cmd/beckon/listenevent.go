package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"beckon/internal/problem"
	"beckon/runs"
)

// heard is one event that came in.
type heard struct {
	at        time.Time
	header    http.Header
	prefix    string // of the headers of hmac-sha256-hex
	body      []byte
	err       *problem.Error // why it does not verify
	again     bool           // its id was there before
	forwarded *forwarded
}

// id is what the headers say.
func (h heard) id() string {
	return cmp.Or(h.header.Get("webhook-id"), h.header.Get("svix-id"), h.header.Get(h.prefix+"Delivery"))
}

// what finds the type and the run in any of the gateway's formats. A template may leave out both.
func (h heard) what() (kind, run string) {
	// Only with the whole type of each: a stranger's JSON may have anything in any place.
	at := func(keys ...string) string {
		var object map[string]json.RawMessage
		value := json.RawMessage(h.body)
		for _, key := range keys {
			if object = nil; json.Unmarshal(value, &object) != nil {
				return ""
			}
			value = object[key]
		}
		text := ""
		_ = json.Unmarshal(value, &text)
		return text
	}
	kind = cmp.Or(at("type"), at("event"), h.header.Get(h.prefix+"Event"))
	run = cmp.Or(at("runId"), at("payload", "id"), at("run_id"), at("data", "runId"))
	return kind, run
}

// textOfHeard prints a line for an event, and its payload below where that is wanted.
func textOfHeard(out io.Writer, payloads bool) func(heard) error {
	return func(h heard) error {
		kind, run := h.what()
		line := []string{h.at.Format(time.TimeOnly)}
		for _, field := range []string{kind, run, h.id()} {
			line = append(line, cmp.Or(oneLine(field, 80), "-"))
		}
		if h.err != nil {
			line = append(line, "NOT VERIFIED: "+h.err.Detail)
		} else {
			line = append(line, "verified")
		}
		if h.again {
			line = append(line, "seen before")
		}
		if h.forwarded != nil {
			line = append(line, harmless(h.forwarded.String()))
		}
		text := strings.Join(line, "  ") + "\n"
		if payloads {
			text += pretty(h.body) + "\n"
		}
		_, err := io.WriteString(out, text)
		return err
	}
}

// pretty indents what is JSON. It is nothing that a terminal obeys.
func pretty(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	var indented bytes.Buffer
	if json.Indent(&indented, body, "  ", "  ") != nil {
		indented.Reset()
		indented.Write(body)
	}
	return "  " + harmless(strings.TrimRight(indented.String(), "\n")) + "\n"
}

// jsonOfHeard prints a line of JSON for an event. What is no JSON itself is a string in it.
func jsonOfHeard(out io.Writer) func(heard) error {
	clean := func(line string) string { return line }
	if isTerminal(out) {
		clean = harmless
	}
	return func(h heard) error {
		kind, run := h.what()
		line := map[string]any{
			"at":         h.at.UTC().Format(runs.TimeFormat),
			"verified":   h.err == nil,
			"id":         h.id(),
			"type":       kind,
			"runId":      run,
			"seenBefore": h.again,
			"headers":    h.selected(),
			"payload":    string(h.body),
		}
		if json.Valid(h.body) {
			line["payload"] = json.RawMessage(bytes.ToValidUTF8(h.body, []byte("\uFFFD")))
		}
		if h.err != nil {
			line["error"] = map[string]string{"code": h.err.Code, "message": h.err.Detail}
		}
		if h.forwarded != nil {
			line["forwarded"] = map[string]any{"status": h.forwarded.status}
			if h.forwarded.err != nil {
				line["forwarded"] = map[string]any{"status": nil, "error": h.forwarded.err.Error()}
			}
		}
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(line); err != nil {
			return fmt.Errorf("write an event as JSON: %w", err)
		}
		_, err := io.WriteString(out, clean(text.String()))
		return err
	}
}

// selected are the headers that belong to the event. What the sender was told to add may be secret.
func (h heard) selected() map[string]string {
	list := map[string]string{}
	for name := range h.header {
		lower := strings.ToLower(name)
		for _, prefix := range []string{"webhook-", "svix-", strings.ToLower(h.prefix)} {
			if strings.HasPrefix(lower, prefix) || lower == "content-type" || lower == "user-agent" {
				list[lower] = h.header.Get(name)
			}
		}
	}
	return list
}

// recent remembers the last so many ids.
type recent struct {
	known map[string]bool
	ring  []string
	next  int
}

func newRecent(most int) *recent {
	return &recent{known: map[string]bool{}, ring: make([]string, most)}
}

// add reports whether the id was there before. An empty one is nobody's.
func (r *recent) add(id string) (before bool) {
	if id == "" || r.known[id] {
		return id != ""
	}
	delete(r.known, r.ring[r.next])
	r.known[id], r.ring[r.next] = true, id
	r.next = (r.next + 1) % len(r.ring)
	return false
}
