package chat_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/agentstest"
	"beckon/agents/chat"
	"beckon/internal/problem"
)

// Images of a chat's answer are artifacts, whichever way they come.
func TestImagesInAChatsAnswer(t *testing.T) {
	image := base64Of(png)
	const done = `"status":"completed","usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}`
	for name, c := range map[string]struct {
		kind, body, output string
		files              int
	}{
		"beside the text": {"openai", `{"choices":[{"message":{"content":"Here.","images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + image + `"}}]},"finish_reason":"stop"}]}`, "Here.", 1},
		"without a text":  {"openai", `{"choices":[{"message":{"content":"","images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + image + `"}}]},"finish_reason":"stop"}]}`, "", 1},
		"as a part":       {"openai", `{"choices":[{"message":{"content":[{"type":"text","text":"Here."},{"type":"image_url","image_url":{"url":"data:image/png;base64,` + image + `"}}]},"finish_reason":"stop"}]}`, "Here.", 1},
		"as a link":       {"openai", `{"choices":[{"message":{"content":"Here.","images":[{"image_url":{"url":"http://10.0.0.1/a.png"}},7]},"finish_reason":"stop"}]}`, "Here.", 0},
		"streamed": {"openai", "data: " + `{"choices":[{"delta":{"content":"Here.","images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + image + `"}}]}}]}` + "\n\n" +
			"data: " + `{"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n", "Here.", 1},
		"a response": {"responses", `{"id":"resp_1",` + done + `,"output":[{"type":"image_generation_call","id":"ig_1","status":"completed","output_format":"png","result":"` + image + `"},
			{"type":"message","content":[{"type":"output_text","text":"Here."}]}]}`, "Here.", 1},
		"a response without a text": {"responses", `{"id":"resp_1",` + done + `,"output":[{"type":"image_generation_call","id":"ig_1","result":"` + image + `"}]}`, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.body) })
			factory := chat.NewWaiting(http.DefaultTransport, slog.New(slog.DiscardHandler), func(context.Context, time.Duration) error { return nil })
			invoker, found := factory(agents.Provider{ID: "acme", Type: c.kind, URL: p.URL + "/v1"}, agents.Agent{ID: "a", Model: "m"})
			require.Empty(t, found)
			files := &agentstest.Files{}
			result, err := invoker.Invoke(t.Context(), agents.Call{Prompt: "Draw.", Files: files})
			require.NoError(t, err)
			require.Equal(t, c.output, result.Output)
			require.Len(t, result.Artifacts, c.files)
			for _, a := range result.Artifacts {
				require.Equal(t, "image/png", a.MediaType)
				require.Equal(t, png, files.Content(a.ID))
			}
			result, err = invoker.Invoke(t.Context(), agents.Call{Prompt: "Draw."})
			require.NoError(t, err, "where nobody keeps files")
			require.Empty(t, result.Artifacts)
			if c.files > 0 {
				_, err = invoker.Invoke(t.Context(), agents.Call{Prompt: "Draw.", Files: &agentstest.Files{MaxBytes: 10}})
				require.Equal(t, "artifact_too_large", problem.Of(err).Code)
			}
			require.False(t, strings.Contains(result.Output, image))
		})
	}
}
