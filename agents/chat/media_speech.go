package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/spend"
)

// defaultVoice is for an agent whose params name none: OpenAI wants one.
const defaultVoice = "alloy"

// voice makes sound of a text: https://platform.openai.com/docs/api-reference/audio/createSpeech
type voice struct{ *media }

// Invoke implements agents.Invoker. The sound is the result's artifact; its output is empty.
func (m *voice) Invoke(ctx context.Context, call agents.Call) (result agents.Result, err error) {
	if err := m.ready(ctx, call); err != nil {
		return result, err
	}
	body, said, err := m.body(call, func(input any, text string) map[string]any {
		return map[string]any{"input": asText(input, text, "input", "text", "prompt"), "voice": defaultVoice}
	})
	if err != nil {
		return result, err
	}
	most := func() spend.Use { return spend.Use{Input: int64(len(body))} }
	result.By.Attempts, err = m.ask(ctx, mediaCall{call.Spend, most, said, &result},
		func(ctx context.Context) *failure {
			return m.exchange(ctx, body, func(ctx context.Context, r *http.Response) error {
				begin, err := firstBytes(r.Body)
				if err != nil {
					return err
				}
				if text := bytes.TrimSpace(begin); len(text) > 0 && (text[0] == '{' || text[0] == '<') {
					if said := completion.ParseError(begin); said != nil {
						return &noAnswer{&completion.Completion{End: completion.Failed, Error: said}}
					}
					return unreadable(begin)
				}
				if len(begin) == 0 {
					return nil
				}
				mediaType := r.Header.Get("Content-Type")
				artifact, err := call.Files.Save(ctx,
					"speech"+extensionOf(mediaType), mediaType, io.MultiReader(bytes.NewReader(begin), r.Body))
				result.Usage.Characters = charactersOf(body)
				if err == nil {
					result.Artifacts = append(result.Artifacts, artifact)
				}
				return err
			})
		}, func() bool { return len(result.Artifacts) > 0 })
	if err == nil && len(result.Artifacts) == 0 {
		err = m.empty("there was no sound in it")
	}
	return result, err
}

// charactersOf counts the text that a request has spoken: no provider says what it has used.
func charactersOf(body []byte) int {
	var asked struct{ Input string }
	_ = json.Unmarshal(body, &asked) // a provider that takes another member is not asked for a count
	return utf8.RuneCountInString(asked.Input)
}

// extensionOf is the end of a file's name, for the formats that OpenAI knows.
func extensionOf(mediaType string) string {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	return map[string]string{
		"audio/mpeg":   ".mp3",
		"audio/mp3":    ".mp3",
		"audio/wav":    ".wav",
		"audio/x-wav":  ".wav",
		"audio/wave":   ".wav",
		"audio/opus":   ".opus",
		"audio/ogg":    ".ogg",
		"audio/aac":    ".aac",
		"audio/flac":   ".flac",
		"audio/x-flac": ".flac",
		"audio/pcm":    ".pcm",
	}[strings.TrimSpace(mediaType)]
}
