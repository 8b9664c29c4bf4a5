package chat

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"beckon/agents"
	"beckon/agents/chat/completion"
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
	result.By.Attempts, err = m.ask(ctx, said, func(ctx context.Context) *failure {
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
			artifact, err := call.Files.Save(ctx, "speech"+extensionOf(mediaType), mediaType, io.MultiReader(bytes.NewReader(begin), r.Body))
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

// extensionOf is the end of a file's name, for the formats that OpenAI knows.
func extensionOf(mediaType string) string {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	return map[string]string{"audio/mpeg": ".mp3", "audio/mp3": ".mp3", "audio/wav": ".wav", "audio/x-wav": ".wav", "audio/wave": ".wav",
		"audio/opus": ".opus", "audio/ogg": ".ogg", "audio/aac": ".aac", "audio/flac": ".flac", "audio/x-flac": ".flac",
		"audio/pcm": ".pcm"}[strings.TrimSpace(mediaType)]
}
