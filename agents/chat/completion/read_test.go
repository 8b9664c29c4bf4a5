package completion_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"beckon/agents/chat/completion"
	"beckon/agents/chat/quirks"
)

// formats are those of the types of providers; the zero value is that of all others.
var formats = map[string]completion.Format{"anthropic": completion.Messages, "responses": completion.Responses}

// summary is all that can be seen of an answer, and what was passed on of it.
func summary(c *completion.Completion, passed string) string {
	return fmt.Sprintf("%d %q %q %q %q %d %v %v %q %+v\n%s\n%q", c.End, c.Text, c.Reasoning, c.Refusal, c.Finish, c.Choices, c.Usage, c.Error, c.Stray, c.Calls, c.Message(), passed)
}

func read(t require.TestingT, body io.Reader, o completion.Options) string {
	var passed strings.Builder
	o.Text = func(piece string) { passed.WriteString(piece) }
	c, err := completion.Read(body, o)
	require.NoError(t, err)
	require.Equal(t, c.Text, passed.String())
	require.True(t, utf8.ValidString(c.Text+c.Reasoning+c.Refusal))
	require.True(t, json.Valid(append(append([]byte("["), c.Message()...), ']')), "%s", c.Message())
	for _, call := range c.Calls {
		require.NotEmpty(t, call.ID)
	}
	return summary(c, passed.String())
}

// pieces gives a body in pieces of the given sizes, again and again.
type pieces struct {
	body  []byte
	sizes []int
	next  int
}

func (p *pieces) Read(into []byte) (int, error) {
	if len(p.body) == 0 {
		return 0, io.EOF
	}
	size := min(p.sizes[p.next%len(p.sizes)], len(p.body), len(into))
	p.next++
	copy(into, p.body[:size])
	p.body = p.body[size:]
	return size, nil
}

// However a body is cut on its way, the answer is the same.
func TestAnyChunkingIsTheSameAnswer(t *testing.T) {
	quirks.Each(t, func(t *testing.T, q *quirks.Quirk) {
		for _, body := range q.Bodies() {
			o := completion.Options{IsStream: true, Format: formats[q.Config.Provider.Type]}
			whole := read(t, strings.NewReader(body), o)
			require.Equal(t, whole, read(t, iotest.OneByteReader(strings.NewReader(body)), o))
			require.Equal(t, whole, read(t, iotest.DataErrReader(strings.NewReader(body)), o))
			rapid.Check(t, func(t *rapid.T) {
				sizes := rapid.SliceOfN(rapid.IntRange(1, 200), 1, 20).Draw(t, "sizes")
				hint := rapid.IntRange(-1, 5000).Draw(t, "hint")
				require.Equal(t, whole, read(t, &pieces{body: []byte(body), sizes: sizes}, completion.Options{IsStream: true, Format: formats[q.Config.Provider.Type], SizeHint: hint}))
			})
		}
	})
}

// A stream whose text is cut anywhere, also within a character, is the same answer as the whole.
func TestAnyCutOfTheTextIsTheSameAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab<>/think \n😀é\"\\{}\u2028")), 0, 40, -1).Draw(t, "text")
		text = rapid.SampledFrom([]string{"", "<think>", "<think>a</think>", " <thought>", "<thi"}).Draw(t, "start") + text
		document, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"message": map[string]any{"content": text}, "finish_reason": "stop"}}})
		whole, err := completion.Read(bytes.NewReader(document), completion.Options{})
		require.NoError(t, err)

		var stream strings.Builder
		for rest := escape(text); rest != ""; {
			size := rapid.IntRange(1, 6).Draw(t, "size")
			piece := cutEscaped(rest, size)
			rest = rest[len(piece):]
			fmt.Fprintf(&stream, "data: {\"choices\":[{\"delta\":{\"content\":\"%s\"}}]}\n\n", piece)
		}
		stream.WriteString("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
		streamed, err := completion.Read(strings.NewReader(stream.String()), completion.Options{})
		require.NoError(t, err)
		require.Equal(t, whole.Text, streamed.Text)
		require.Equal(t, whole.Reasoning, streamed.Reasoning)
		require.Equal(t, whole.End, streamed.End)
	})
}

// escape writes a text within a JSON string, with every character beyond ASCII escaped.
func escape(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteString("\\" + string(r))
		case r >= 0x10000:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
		case r < ' ' || r > 126:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// cutEscaped takes so many characters from the front of an escaped text; the halves of one are two.
func cutEscaped(text string, n int) string {
	end := 0
	for ; n > 0 && end < len(text); n-- {
		switch {
		case strings.HasPrefix(text[end:], `\u`):
			end += 6
		case text[end] == '\\':
			end += 2
		default:
			end++
		}
	}
	return text[:end]
}

// Whatever a provider sends, and however it is cut, reading it ends, and yields the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":-5,\"function\":{\"arguments\":\"{\"}}]}}]}\n\ndata: [DONE]\n"), byte(3))
	f.Add([]byte(`{"choices":[{"message":{"content":"\ud83d"},"finish_reason":"stop"}]}`), byte(1))
	f.Add([]byte("\xef\xbb\xbf[{\"error\":[{\"message\":{\"message\":\"x\"}}]}]"), byte(2))
	f.Add([]byte("event: error\ndata: \"x\"\r\rdata: {\n data: null\n: x\n{\"choices\":{\"text\":\"a\"}}"), byte(7))
	f.Add([]byte(`{"choices":[{"message":{"content":[{"thinking":[{"text":"a"}]},"b",{"text":{"value":"c"}}],"function_call":{"arguments":"\"{}\""}}}]}`), byte(9))
	f.Fuzz(func(t *testing.T, body []byte, size byte) {
		sameInPieces(t, body, size, completion.ChatCompletions)
		_ = completion.ParseError(body)
		_, _ = completion.ParseModels(body)
	})
}

func sameInPieces(t *testing.T, body []byte, size byte, format completion.Format) {
	for _, keep := range []bool{false, true} {
		o := completion.Options{Format: format, KeepThoughts: keep}
		require.Equal(t, read(t, bytes.NewReader(body), o), read(t, &pieces{body: body, sizes: []int{int(size) + 1, 1, 3}}, o))
	}
}

func FuzzReadMessages(f *testing.F) {
	f.Add([]byte(`{"type":"message","content":[{"type":"thinking","thinking":"a","signature":"s"},{"type":"text","text":"\ud83d"},{"type":"tool_use","input":[1]}],"stop_reason":"pause_turn"}`), byte(1))
	f.Add([]byte("data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"a\",\"input\":{}}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"partial_json\":\"{\"}}\n\n"), byte(3))
	f.Add([]byte("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n"), byte(2))
	f.Add([]byte("data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\" <thi\"}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"thinking\":\"b\",\"signature\":\"c\"}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"text\":\"nk>\"}}\n\n"), byte(5))
	f.Fuzz(func(t *testing.T, body []byte, size byte) { sameInPieces(t, body, size, completion.Messages) })
}

func FuzzReadResponses(f *testing.F) {
	f.Add([]byte(`{"id":"r","status":"incomplete","incomplete_details":{"reason":"x"},"output":[{"type":"reasoning","summary":[{"text":"a"}]},{"type":"message","content":[{"text":"\ud83d"},{"refusal":"b"}]},{"type":"function_call","arguments":"["}]}`), byte(1))
	f.Add([]byte("data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"function_call\",\"id\":\"a\"}}\n\ndata: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\"{\"}\n\n"), byte(3))
	f.Add([]byte("data: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"delta\":\" <thi\"}\n\ndata: {\"type\":\"response.reasoning_text.delta\",\"output_index\":0,\"delta\":\"b\"}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"queued\"}}\n\n"), byte(5))
	f.Fuzz(func(t *testing.T, body []byte, size byte) { sameInPieces(t, body, size, completion.Responses) })
}

// endless repeats a text, and counts what was read of it.
type endless struct {
	start, text string
	at          int
	read        int
}

func (e *endless) Read(p []byte) (n int, err error) {
	if e.start != "" {
		n = copy(p, e.start)
		e.start = e.start[n:]
	}
	for n < len(p) {
		copied := copy(p[n:], e.text[e.at:])
		n, e.at = n+copied, (e.at+copied)%len(e.text)
	}
	e.read += n
	return n, nil
}

// A provider that sends without end is left after a bounded number of bytes.
func TestEndlessAnswers(t *testing.T) {
	text := strings.Repeat("x", 1000)
	for name, body := range map[string]*endless{
		"a document":              {start: `{"choices":[{"message":{"content":"`, text: "x"},
		"nested lists":            {text: "["},
		"an event without an end": {start: "data: ", text: "x"},
		"comments":                {text: ": " + text + "\n\n"},
		"text":                    {text: `data: {"choices":[{"index":0,"delta":{"content":"` + text + "\"}}]}\n\n"},
		"a thought":               {start: "data: {\"choices\":[{\"delta\":{\"content\":\"<think>\"}}]}\n\n", text: "data: {\"choices\":[{\"delta\":{\"content\":\"" + text + "\"}}]}\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := completion.Read(body, completion.Options{})
			require.ErrorIs(t, err, completion.ErrTooLarge)
			require.Less(t, body.read, 2*completion.MaxStream)
		})
	}
}

// Reading takes time in proportion to what is read, in whatever small pieces it comes.
func TestSmallPieces(t *testing.T) {
	const size = 4 << 20
	for name, body := range map[string]*endless{
		"white space":              {text: " \n"},
		"comments":                 {text: ": ping\n\n"},
		"text":                     {text: "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"},
		"white space as text":      {text: "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" \"}}]}\n\n"},
		"arguments":                {text: "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n"},
		"arguments that never end": {text: "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"}\"}}]}}]}\n\n"},
		"calls":                    {text: "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{\"}},{\"function\":{\"name\":\"g\"}}]}}]}\n\n"},
		"lines of data":            {text: "data: {\n"},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			_, err := completion.Read(io.LimitReader(body, size), completion.Options{})
			require.NoError(t, err)
			require.Less(t, time.Since(begin), time.Minute, "a thousand times what it takes")
		})
	}
}

func TestWhatBreaksOff(t *testing.T) {
	broken := errors.New("broken")
	piece := "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"
	for body, end := range map[string]completion.End{
		"": completion.Broken,
		"data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n": completion.Whole,
		piece:                                   completion.Broken,
		piece + "data: [DONE]\n":                completion.Whole,
		`{"choices":[{"message":{"content":"x"`: completion.Unreadable,
	} {
		c, err := completion.Read(io.MultiReader(strings.NewReader(body), iotest.ErrReader(broken)), completion.Options{IsStream: true})
		if !strings.Contains(body, "[DONE]") {
			require.ErrorIs(t, err, broken, body)
		}
		require.Equal(t, end, c.End, body)
	}
}

func TestParseError(t *testing.T) {
	for body, want := range map[string]*completion.Error{
		``:                                       nil,
		`<html>`:                                 nil,
		`{}`:                                     nil,
		`{"error":null}`:                         nil,
		`{"error":"x"}`:                          {Message: "x"},
		`{"error":true}`:                         {Message: "an error without a reason"},
		`{"error":{"message":"x","code":null}}`:  {Message: "x"},
		`{"error":{"message":"x","code":"503"}}`: {Message: "x", Code: "503", Status: 503},
		`{"message":"x","type":"t","code":400}`:  {Message: "x", Type: "t", Code: "400", Status: 400},
		`[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]`: {Message: "x", Code: "429", Status: 429, Type: "RESOURCE_EXHAUSTED"},
		`{"detail":"Not Found"}`: {Message: "Not Found"},
		`{"detail":[{"loc":["body","seed"],"msg":"x","type":"extra_forbidden"}]}`:                    {Message: "x", Param: "seed", Type: "extra_forbidden"},
		`{"error":{"message":{"message":"x"},"param":"p"}}`:                                          {Message: "x", Param: "p"},
		`{"error":{"message":"up","code":502,"metadata":{"raw":"{\"error\":{\"message\":\"x\"}}"}}}`: {Message: "up: x", Code: "502", Status: 502},
		"\xef\xbb\xbf" + `{"type":"error","error":{"type":"overloaded_error","message":"x"}}`:        {Message: "x", Type: "overloaded_error"},
	} {
		require.Equal(t, want, completion.ParseError([]byte(body)), body)
	}
}

func TestParseModels(t *testing.T) {
	for body, want := range map[string][]string{
		`{"object":"list","data":[{"id":"a","created":1.5,"owned_by":null},{"id":" "},{"id":"b"}]}`: {"a", "b"},
		`[{"id":"a"},{"name":"b"}]`:           {"a", "b"},
		`{"models":[{"name":"a:latest"}]}`:    {"a:latest"},
		"\xef\xbb\xbf" + `{"data":["a","b"]}`: {"a", "b"},
		`{"data":[]}`:                         nil,
	} {
		names, ok := completion.ParseModels([]byte(body))
		require.True(t, ok, body)
		require.Equal(t, want, names, body)
	}
	for _, body := range []string{``, `<html>`, `{}`, `{"data":"x"}`, `{"data":[{"id":"a"}`, `"x"`, `{"error":"x"}`} {
		_, ok := completion.ParseModels([]byte(body))
		require.False(t, ok, body)
	}
}
