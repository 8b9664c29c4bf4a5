package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/internal/spend"
)

// transcription makes a text of sound: https://platform.openai.com/docs/api-reference/audio/createTranscription
type transcription struct{ *media }

// Invoke implements agents.Invoker. The output is the text.
func (m *transcription) Invoke(ctx context.Context, call agents.Call) (result agents.Result, err error) {
	if err := m.ready(ctx, call); err != nil {
		return result, err
	}
	id, err := m.source(call)
	if err != nil {
		return result, err
	}
	most := func() spend.Use { return mostOfSound(ctx, call.Files, id) }
	result.By.Attempts, err = m.ask(ctx, mediaCall{call.Spend, most, []string{call.Prompt, call.Input}, &result},
		func(ctx context.Context) *failure {
			// Each attempt opens the file again, so that it is never held in memory.
			file, artifact, err := call.Files.Open(ctx, id)
			if err != nil {
				return &failure{err: err}
			}
			form, contentType, length, err := m.form(file, artifact)
			if err != nil {
				_ = file.Close()
				return &failure{err: err}
			}
			body := struct {
				io.Reader
				io.Closer // the transport closes it, when it reads no more
			}{form, file}
			return m.settle(m.sender.exchangeBody(ctx, body, contentType, length,
				func(ctx context.Context, r *http.Response, _ *time.Timer) error {
					text, usage, err := readTranscription(ctx, r.Body)
					if err == nil {
						usage.Cost = result.Usage.Cost
						result.Output, result.Usage = text, usage
					}
					return err
				}))
		}, func() bool { return false })
	if err == nil && strings.TrimSpace(result.Output) == "" {
		err = m.empty("it heard nothing in the sound")
	}
	if err == nil && call.Text != nil {
		call.Text(result.Output)
	}
	return result, err
}

// mostOfSound is what a transcription may use at most: sound has 8 kbit/s at least, and its seconds no more than 50
// tokens.
func mostOfSound(ctx context.Context, files agents.Files, id string) spend.Use {
	file, artifact, err := files.Open(ctx, id)
	if err != nil {
		return spend.Use{} // the request fails of it, too
	}
	_ = file.Close()
	const perSecond, tokensPerSecond = 1000, 50
	tokens := artifact.Bytes*tokensPerSecond/perSecond + tokensPerSecond
	return spend.Use{Milliseconds: artifact.Bytes * 1000 / perSecond, Input: tokens, Output: tokens}
}

// source is the id of the sound: the one that the input names, else the last that an earlier step of the flow has
// made or that the call has brought. A file of the call whose type nobody knows may be one, too: the provider finds
// out.
func (m *transcription) source(call agents.Call) (string, error) {
	if input, ok := agents.InputOf(call).(map[string]any); ok {
		if id, ok := input["artifact"].(string); ok && id != "" {
			return id, nil
		}
	}
	for _, a := range slices.Backward(call.Artifacts) {
		if strings.HasPrefix(a.MediaType, "audio/") || strings.HasPrefix(a.MediaType, "video/") ||
			a.MediaType == "application/ogg" {
			return a.ID, nil
		}
	}
	for _, a := range slices.Backward(call.Artifacts) {
		if a.NodeID == "" {
			return a.ID, nil
		}
	}
	return "", problem.New(problem.Upstream, problem.CodeNoSound,
		"The agent %q was given no sound. Send a file with the call, "+
			`name an artifact as in {"artifact": "art_…"}, or put a step in front of it that makes one.`, m.agent)
}

// form is the body of the request: the members of it, and the file as it is read.
func (m *transcription) form(
	file io.Reader, a agents.Artifact,
) (body io.Reader, contentType string, length int64, err error) {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	members := map[string]any{memberModel: m.name}
	for name, value := range m.params {
		if members[name] = value; value == nil {
			delete(members, name)
		}
	}
	for _, name := range agents.Object(members).Names() {
		text, ok := members[name].(string)
		if !ok {
			written, err := json.Marshal(members[name])
			if err != nil {
				return nil, "", 0, fmt.Errorf("write the parameter %q: %w", name, err)
			}
			text = string(written)
		}
		if err := w.WriteField(name, text); err != nil {
			return nil, "", 0, err
		}
	}
	name := a.Name
	if name == "" {
		name = "sound"
	}
	if _, err := w.CreateFormFile("file", name); err != nil { // servers tell the format by the name
		return nil, "", 0, err
	}
	before := head.Len()
	if err := w.Close(); err != nil {
		return nil, "", 0, err
	}
	all := head.Bytes()
	return io.MultiReader(bytes.NewReader(all[:before]), file,
		bytes.NewReader(all[before:])), w.FormDataContentType(), int64(len(all)) + a.Bytes, nil
}

// readTranscription reads {"text": …}, or the text itself where the params ask for another format.
func readTranscription(ctx context.Context, body io.Reader) (text string, usage agents.Usage, err error) {
	all, err := io.ReadAll(io.LimitReader(body, completion.MaxBytes+1))
	switch {
	case err != nil:
		return "", usage, err
	case len(all) > completion.MaxBytes:
		return "", usage, completion.ErrTooLarge
	}
	if err := memory.From(ctx).Answer(ctx, int64(len(all))); err != nil {
		return "", usage, err
	}
	trimmed := bytes.TrimSpace(all)
	if len(trimmed) == 0 || trimmed[0] != '{' {
		if bytes.HasPrefix(trimmed, []byte("<")) {
			return "", usage, unreadable(trimmed)
		}
		return strings.ToValidUTF8(string(all), "\uFFFD"), usage, nil
	}
	var answer struct {
		Text     *string
		Duration float64 // of verbose_json
		Usage    struct {
			Input   int     `json:"input_tokens"`
			Output  int     `json:"output_tokens"`
			Total   int     `json:"total_tokens"`
			Seconds float64 `json:"seconds"`
		}
	}
	if wrong := json.Unmarshal(trimmed, &answer); answer.Text == nil || errors.As(wrong, new(*json.SyntaxError)) {
		if said := completion.ParseError(trimmed); said != nil {
			return "", usage, &noAnswer{&completion.Completion{End: completion.Failed, Error: said}}
		}
		return "", usage, unreadable(trimmed)
	}
	usage = agents.Usage{
		PromptTokens:     answer.Usage.Input,
		CompletionTokens: answer.Usage.Output,
		TotalTokens:      answer.Usage.Total,
	}
	usage.AudioSeconds = max(answer.Usage.Seconds, answer.Duration, 0)
	return *answer.Text, usage, nil
}
