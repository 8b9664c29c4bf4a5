package chat_test

import (
	"context"
	"encoding/json"
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
)

// saved stores files as those that a call has brought.
func saved(t *testing.T, files *agentstest.Files, contents ...string) (list []agents.Artifact) {
	for _, content := range contents {
		a, err := files.Save(t.Context(), "file", "", strings.NewReader(content))
		require.NoError(t, err)
		list = append(list, a)
	}
	return list
}

// Each API is shown the images of a call as it wants them; other files, and what a flow has made, are not shown.
func TestAModelIsShownTheImagesOfItsCall(t *testing.T) {
	done := map[string]string{
		"openai":    answer("A shed."),
		"anthropic": `{"type":"message","role":"assistant","content":[{"type":"text","text":"A shed."}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`,
		"responses": `{"id":"resp_1","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"A shed."}]}]}`,
	}
	jpeg := "\xff\xd8\xff\xe0" + strings.Repeat("\x00", 20)
	for kind, want := range map[string]string{
		"openai": `[{"type":"text","text":"Look."},{"type":"image_url","image_url":{"url":"data:image/png;base64,` + base64Of(png) + `"}},
			{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,` + base64Of(jpeg) + `"}}]`,
		"anthropic": `[{"type":"text","text":"Look."},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + base64Of(png) + `"}},
			{"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"` + base64Of(jpeg) + `"}}]`,
		"responses": `[{"type":"input_text","text":"Look."},{"type":"input_image","image_url":"data:image/png;base64,` + base64Of(png) + `"},
			{"type":"input_image","image_url":"data:image/jpeg;base64,` + base64Of(jpeg) + `"}]`,
	} {
		t.Run(kind, func(t *testing.T) {
			p := serve(t, reply(200, done[kind]))
			files := &agentstest.Files{}
			list := saved(t, files, png, jpeg, "%PDF-1.7", "plain text", png, "\x89PNG\r\n\x1a\n"+strings.Repeat("x", 4<<20))
			list[4].NodeID = "painter"
			invoker := p.agent(t, agents.Agent{}, func(p *agents.Provider) { p.Type = kind })
			result, err := invoker.Invoke(t.Context(), agents.Call{Prompt: "Look.", Files: files, Artifacts: list})
			require.NoError(t, err)
			require.Equal(t, "A shed.", result.Output)
			var sent struct{ Messages, Input []struct{ Content any } }
			require.NoError(t, json.Unmarshal([]byte(p.seen()[0].body), &sent))
			content, err := json.Marshal(append(sent.Messages, sent.Input...)[0].Content)
			require.NoError(t, err)
			require.JSONEq(t, want, string(content))
		})
	}
}

// A model that reads no images, or a broken one, still gets the text.
func TestImagesThatAProviderDoesNotTake(t *testing.T) {
	for name, refusal := range map[string]http.HandlerFunc{
		"OpenRouter":     reply(404, `{"error":{"message":"No endpoints found that support image input","code":404}}`),
		"DeepSeek":       reply(400, "{\"error\":{\"message\":\"Failed to deserialize the JSON body: messages[0]: unknown variant `image_url`, expected `text`\"}}"),
		"Groq":           reply(400, `{"error":{"message":"messages[0].content must be a string","type":"invalid_request_error"}}`),
		"llama.cpp":      reply(500, `{"error":{"code":500,"message":"image input is not supported - hint: you may need to provide the mmproj"}}`),
		"vLLM":           reply(400, `{"object":"error","message":"m is not a multimodal model","code":400}`),
		"a broken image": reply(400, `{"error":{"message":"You uploaded an unsupported image.","code":"invalid_image_format"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, refusal, reply(200, answer("A shed.")))
			files := &agentstest.Files{}
			result, err := p.agent(t, agents.Agent{}).Invoke(t.Context(), agents.Call{Prompt: "Look.", Files: files, Artifacts: saved(t, files, png)})
			require.NoError(t, err)
			require.Equal(t, "A shed.", result.Output)
			seen := p.seen()
			require.Len(t, seen, 2)
			require.Contains(t, seen[1].body, `"content":"Look.\n\n(You cannot see the images`)
		})
	}
	p := serve(t, reply(400, `{"error":{"message":"model is not what it was"}}`))
	files := &agentstest.Files{}
	_, err := p.agent(t, agents.Agent{}).Invoke(t.Context(), agents.Call{Prompt: "Look.", Files: files, Artifacts: saved(t, files, png)})
	require.Equal(t, "provider_rejected", code(err))
	require.Len(t, p.seen(), 1, "which says nothing of images")
}

// A file that cannot be opened fails the call: its answer would be about something else.
func TestAnImageThatIsGone(t *testing.T) {
	p := serve(t, abort)
	_, err := p.agent(t, agents.Agent{}).Invoke(t.Context(), agents.Call{Prompt: "Look.", Files: &agentstest.Files{},
		Artifacts: []agents.Artifact{{ID: "art_gone", MediaType: "image/png", Bytes: 10}}})
	require.Equal(t, "artifact_not_found", code(err))
	require.Empty(t, p.seen())
}

// What somebody else holds the APIs to be takes the images.
func TestAimockTakesImages(t *testing.T) {
	url := aimock(t)
	for kind, base := range map[string]string{"openai": url + "/v1", "anthropic": url + "/v1", "responses": url + "/v1"} {
		factory := chat.NewWaiting(http.DefaultTransport, slog.New(slog.NewTextHandler(io.Discard, nil)), func(context.Context, time.Duration) error { return nil })
		invoker, found := factory(agents.Provider{ID: "aimock", Type: kind, URL: base}, agents.Agent{ID: "a", Model: "m"})
		require.Empty(t, found)
		files := &agentstest.Files{}
		result, err := invoker.Invoke(t.Context(), agents.Call{Prompt: "plain", Files: files, Artifacts: saved(t, files, png)})
		require.NoError(t, err, kind)
		require.Equal(t, "All is well.", result.Output, kind)
	}
}
