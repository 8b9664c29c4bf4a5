package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/secret"
)

const (
	maxErrorBody = 64 << 10 // bytes that are read of an error's body
	maxLogged    = 2 << 10  // bytes of it that reach the log
	// What a body has in common with a secret or a prompt is masked from this many bytes on: providers quote keys with
	// the middle starred out, and prompts in pieces.
	commonWithKey    = 4
	commonWithPrompt = 16
)

// secretsOf lists what must never reach the log: the key, the headers' values, and the values in the URL's query, where
// some providers want the key.
func secretsOf(p agents.Provider, u *url.URL) []string {
	list := []string{p.APIKey.Reveal()}
	for _, value := range p.Headers {
		list = append(list, value.Reveal())
	}
	for _, values := range u.Query() {
		list = append(list, values...)
	}
	return list
}

// cause is what the log may have of a failure: the URL without its query, and the provider's own words.
func (m *model) cause(f *failure, said []string) error {
	text := "POST " + m.url
	if f.status != 0 {
		text += fmt.Sprintf(": status %d", f.status)
	}
	if reason := m.reason(f, said); reason != "" {
		text += ": " + reason
	}
	return errors.New(text)
}

// reason is what a provider said itself of a failure, or the transport, without secrets and without anything that
// was said in the conversation.
func (m *model) reason(f *failure, said []string) string {
	hide := m.hiding(said)
	switch {
	case f.status != 0:
		return cut(readable(f.body, hide))
	case f.err != nil:
		return hide(f.err.Error())
	case f.answer.Error != nil:
		e := f.answer.Error
		return hide(strings.Trim(strings.Join([]string{e.Message, e.Type, e.Code}, " "), " "))
	case f.answer.End == completion.Failed:
		return hide(f.answer.Finish)
	}
	return hide(f.answer.Stray)
}

// hiding returns what takes out of a text all that must not be in the log.
func (m *model) hiding(said []string) func(string) string {
	return func(s string) string {
		s = cut(s)
		for _, hidden := range m.secrets {
			s = mask(s, hidden, commonWithKey)
		}
		for _, text := range said {
			s = mask(s, text, commonWithPrompt)
		}
		return s
	}
}

// readable returns the text of an error's body. In JSON each string is hidden on its own, so that escapes cannot keep
// apart what belongs together.
func readable(body []byte, hide func(string) string) string {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return ""
	}
	var value any
	if json.Unmarshal(body, &value) == nil {
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		if encoder.Encode(hideIn(value, hide)) == nil {
			return strings.TrimSpace(out.String())
		}
	}
	if body[0] == '{' || body[0] == '[' {
		return fmt.Sprintf("%d bytes that look like JSON and are not", len(body))
	}
	return hide(html.UnescapeString(strings.ToValidUTF8(string(body), "\uFFFD")))
}

func hideIn(value any, hide func(string) string) any {
	switch v := value.(type) {
	case string:
		return hide(v)
	case []any:
		for i := range v {
			v[i] = hideIn(v[i], hide)
		}
	case map[string]any:
		hidden := make(map[string]any, len(v))
		for key, element := range v {
			hidden[hide(key)] = hideIn(element, hide)
		}
		return hidden
	}
	return value
}

// mask replaces whatever text has in common with hidden over at least window bytes, or over all of hidden where that is
// shorter. It takes time in proportion to both.
func mask(text, hidden string, window int) string {
	window = min(window, len(hidden))
	if window == 0 || len(text) < window {
		return text
	}
	places := make(map[string][]int, len(text))
	for i := 0; i+window <= len(text); i++ {
		places[text[i:i+window]] = append(places[text[i:i+window]], i)
	}
	covered, found := make([]bool, len(text)), false
	for i := 0; i+window <= len(hidden); i++ {
		for _, at := range places[hidden[i:i+window]] {
			found = true
			for j := range window {
				covered[at+j] = true
			}
		}
		delete(places, hidden[i:i+window]) // once is enough, however often it is repeated
	}
	if !found {
		return text
	}
	var out strings.Builder
	for i := range len(text) {
		switch {
		case !covered[i]:
			out.WriteByte(text[i])
		case i == 0 || !covered[i-1]:
			out.WriteString(secret.Mask)
		}
	}
	return strings.ToValidUTF8(out.String(), "")
}

func cut(s string) string {
	if len(s) <= maxLogged {
		return s
	}
	return strings.ToValidUTF8(s[:maxLogged], "") + "…"
}
