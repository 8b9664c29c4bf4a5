package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sashabaranov/go-openai"

	"beckon/internal/memory"
)

const eventStream = "text/event-stream"

// errBrokenOff is a stream that ended before the answer did.
var errBrokenOff = errors.New("the stream ended in the middle of the answer")

// open sends the request once and hands on the answer as it comes. The provider's timeout holds until the first bytes
// and between any two. A provider that does not stream gives its whole answer, which is then read to its end here.
func (a *attempts) open(req *http.Request) (*http.Response, *failure) {
	ctx, cancel := context.WithCancelCause(req.Context())
	patience := time.AfterFunc(a.timeout, func() { cancel(errAttemptTimeout) })
	response, err := a.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		patience.Stop()
		cancel(nil)
		return nil, &failure{err: err, timedOut: context.Cause(ctx) == errAttemptTimeout}
	}
	if response.StatusCode < 200 || response.StatusCode >= 300 || !isStream(response.Header) {
		defer cancel(nil)
		defer patience.Stop()
		return complete(ctx, response)
	}
	response.Body = &streamBody{ReadCloser: response.Body, ctx: ctx, cancel: cancel, patience: patience, timeout: a.timeout}
	return response, nil
}

func isStream(h http.Header) bool { return strings.HasPrefix(h.Get("Content-Type"), eventStream) }

// streamBody is the body of a streamed answer; what goes wrong in it is a *failure.
type streamBody struct {
	io.ReadCloser
	ctx      context.Context // of this body alone
	cancel   context.CancelCauseFunc
	patience *time.Timer
	timeout  time.Duration
	size     int
}

func (b *streamBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.patience.Reset(b.timeout)
	if b.size += n; b.size > maxAnswer {
		return 0, &failure{err: errTooLarge}
	}
	if err != nil && err != io.EOF {
		err = &failure{err: err, begun: true, timedOut: context.Cause(b.ctx) == errAttemptTimeout}
	}
	return n, err
}

func (b *streamBody) Close() error {
	b.patience.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// stream asks for an answer piece by piece, passes its text on, and puts it together to what the provider would have
// sent as a whole. Beside an error is what there was until then.
func (m *model) stream(ctx context.Context, request openai.ChatCompletionRequest, text func(piece string)) (*openai.ChatCompletionResponse, error) {
	request.Stream = true
	if !m.noUsage.Load() {
		request.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
	}
	stream, err := m.client.CreateChatCompletionStream(resendable(ctx, &request), request)
	if f, ok := errors.AsType[*failure](err); ok && f.status == http.StatusBadRequest && request.StreamOptions != nil && bytes.Contains(f.body, []byte("stream_options")) {
		m.noUsage.Store(true) // it answers without counting
		request.StreamOptions = nil
		stream, err = m.client.CreateChatCompletionStream(resendable(ctx, &request), request)
	}
	if plain, ok := errors.AsType[*plainAnswer](err); ok {
		return plain.read(text)
	}
	if err != nil {
		return &openai.ChatCompletionResponse{}, err
	}
	defer func() { _ = stream.Close() }()
	var put assembly
	held := memory.From(ctx)
	for {
		chunk, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return put.response(), put.complete()
		case err != nil:
			return put.response(), err
		}
		piece := put.add(&chunk)
		if err := held.Answer(ctx, int64(len(piece))); err != nil {
			return put.response(), err
		}
		if piece != "" && text != nil {
			text(piece)
		}
	}
}

// plainAnswer is the answer of a provider that does not stream. It comes as an error, because go-openai would look for
// events in it.
type plainAnswer struct{ body []byte }

func (p *plainAnswer) Error() string { return "the provider did not stream" }

func (p *plainAnswer) read(text func(piece string)) (*openai.ChatCompletionResponse, error) {
	response := &openai.ChatCompletionResponse{}
	if err := json.Unmarshal(p.body, response); err != nil {
		return &openai.ChatCompletionResponse{}, fmt.Errorf("decode the answer: %w", err)
	}
	if all := textOf(response); all != "" && text != nil {
		text(all)
	}
	return response, nil
}

// assembly puts the pieces of a streamed answer together.
type assembly struct {
	chunks  int
	answer  openai.ChatCompletionResponse
	text    longText
	refusal strings.Builder
	calls   []openai.ToolCall
	finish  openai.FinishReason
	choices int
}

// add takes up a piece and returns its text.
func (a *assembly) add(chunk *openai.ChatCompletionStreamResponse) string {
	a.chunks++
	if chunk.Usage != nil {
		a.answer.Usage = *chunk.Usage
	}
	text := ""
	for _, choice := range chunk.Choices {
		if choice.Index != 0 {
			continue // nobody asked for a second answer
		}
		a.choices = 1
		text += strings.ReplaceAll(choice.Delta.Content, "\x00", "\uFFFD")
		a.refusal.WriteString(choice.Delta.Refusal)
		for _, call := range choice.Delta.ToolCalls {
			a.addCall(call)
		}
		if choice.FinishReason != "" {
			a.finish = choice.FinishReason
		}
	}
	a.text.WriteString(text)
	return text
}

// addCall takes up a piece of a tool call: the first has its id and name, each a part of its arguments.
func (a *assembly) addCall(piece openai.ToolCall) {
	at := len(a.calls)
	if piece.Index != nil {
		at = min(max(*piece.Index, 0), len(a.calls))
	}
	if at == len(a.calls) {
		a.calls = append(a.calls, openai.ToolCall{Type: openai.ToolTypeFunction})
	}
	call := &a.calls[at]
	if piece.ID != "" {
		call.ID = piece.ID
	}
	call.Function.Name += piece.Function.Name
	call.Function.Arguments += piece.Function.Arguments
}

func (a *assembly) response() *openai.ChatCompletionResponse {
	a.answer.Choices = []openai.ChatCompletionChoice{}
	if a.choices > 0 {
		a.answer.Choices = append(a.answer.Choices, openai.ChatCompletionChoice{FinishReason: a.finish, Message: openai.ChatCompletionMessage{
			Role: openai.ChatMessageRoleAssistant, Content: a.text.String(), Refusal: a.refusal.String(), ToolCalls: a.calls}})
	}
	return &a.answer
}

// complete reports a stream that ended without saying that the answer has.
func (a *assembly) complete() error {
	if a.finish == "" {
		return &failure{err: errBrokenOff, begun: true}
	}
	return nil
}
