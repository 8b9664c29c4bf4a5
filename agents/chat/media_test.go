package chat_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/agentstest"
	"beckon/agents/chat"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

var png = "\x89PNG\r\n\x1a\n" + strings.Repeat("pixels", 100)

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// wayOut lets files be fetched from networks, besides public ones.
func wayOut(t *testing.T, networks ...string) *egress.Webhooks {
	var allowed []netip.Prefix
	for _, network := range networks {
		allowed = append(allowed, netip.MustParsePrefix(network))
	}
	out := egress.NewWebhooks(egress.NewGuard(func() []netip.Prefix { return allowed }))
	t.Cleanup(out.Close)
	return out
}

// media makes an invoker on a server, which does not wait between attempts.
func media(t *testing.T, url string, change func(*agents.Agent)) agents.Invoker {
	t.Helper()
	a := agents.Agent{ID: "painter", Kind: agents.KindImage, Provider: "acme", Model: "paint-1"}
	if change != nil {
		change(&a)
	}
	require.Empty(t, a.Check())
	p := agents.Provider{ID: "acme", Type: "openai", URL: url + "/v1", APIKey: secret.String(key)}
	kinds := chat.NewMediaWaiting(wayOut(t, "127.0.0.0/8"), func(context.Context, time.Duration) error { return nil })
	invoker, found := kinds[a.KindOrChat()](p, a)
	require.Empty(t, found)
	return invoker
}

func TestImages(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/made.png" {
			require.Empty(t, r.Header.Get("Authorization"), "the key is the provider's alone")
			_, _ = io.WriteString(w, png)
			return
		}
		_, _ = fmt.Fprintf(w, `{"created":1,"data":[{"b64_json":%q,"revised_prompt":"a cat"},{"url":"http://%s/made.png"},{"url":"data:image/png;base64,%s"}],
			"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}`, base64Of(png+"1"), r.Host, base64Of(png+"3"))
	})
	files := &agentstest.Files{}
	result, err := media(t, p.URL, func(a *agents.Agent) { a.Params = agents.Object{"size": "1024x1024"} }).
		Invoke(t.Context(), agents.Call{Prompt: `{"image_count":3,"style":{"prompt":"a cat in oil"}}`, Files: files})
	require.NoError(t, err)
	require.Empty(t, result.Output)
	require.Equal(t, agents.Usage{PromptTokens: 3, CompletionTokens: 4, TotalTokens: 7, UsageDetails: agents.UsageDetails{Images: 3}}, result.Usage)
	require.Len(t, result.Artifacts, 3)
	for i, end := range []string{"1", "3", ""} { // what is fetched comes behind what the answer holds
		require.Equal(t, png+end, files.Content(result.Artifacts[i].ID))
		require.Equal(t, "image/png", result.Artifacts[i].MediaType)
	}
	require.Equal(t, "made.png", result.Artifacts[2].Name)
	require.Equal(t, "/v1/images/generations", p.seen()[0].url)
	require.Equal(t, "Bearer "+key, p.seen()[0].header.Get("Authorization"))
	require.JSONEq(t, `{"model":"paint-1","prompt":"a cat in oil","n":3,"size":"1024x1024"}`, p.seen()[0].body)
}

func TestRequestsOfMedia(t *testing.T) {
	for _, c := range []struct{ name, kind, request, prompt, want string }{
		{"text", agents.KindImage, "", "a dog", `{"model":"paint-1","prompt":"a dog"}`},
		{"prompt and n", agents.KindImage, "", `{"prompt":"a dog","n":2}`, `{"model":"paint-1","prompt":"a dog","n":2}`},
		{"no words", agents.KindImage, "", `{"n":0,"colour":"red"}`, `{"model":"paint-1","prompt":"{\"n\":0,\"colour\":\"red\"}"}`},
		{"template", agents.KindImage, `{"model":"other","prompt":{{ json .input.what }},"seed":{{ .input.seed }},"strength":1.10}`, `{"what":"a \"dog\"","seed":9007199254740993}`,
			`{"model":"other","prompt":"a \"dog\"","seed":9007199254740993,"strength":1.10}`},
		{"speech", agents.KindSpeech, "", `{"text":"Hello."}`, `{"model":"paint-1","input":"Hello.","voice":"alloy"}`},
		{"speech by template", agents.KindSpeech, `{"input": {{ json .prompt }}, "voice": "nova"}`, "Hi.", `{"model":"paint-1","input":"Hi.","voice":"nova"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/audio/speech") {
					w.Header().Set("Content-Type", "audio/mpeg")
					_, _ = io.WriteString(w, "ID3sound")
					return
				}
				_, _ = io.WriteString(w, `{"data":[{"b64_json":"`+base64Of(png)+`"}]}`)
			})
			files := &agentstest.Files{}
			result, err := media(t, p.URL, func(a *agents.Agent) {
				if a.Kind = c.kind; c.request != "" {
					a.Request = &agents.Request{Body: c.request}
				}
			}).Invoke(t.Context(), agents.Call{Prompt: c.prompt, Files: files})
			require.NoError(t, err)
			require.Empty(t, result.Output)
			require.Len(t, result.Artifacts, 1)
			require.Equal(t, c.want, canonical(t, p.seen()[0].body, c.want))
			if c.kind == agents.KindSpeech {
				require.Equal(t, "speech.mp3", result.Artifacts[0].Name)
				require.Equal(t, "ID3sound", files.Content(result.Artifacts[0].ID))
			}
		})
	}
}

// canonical is want, if got says the same, to the last digit.
func canonical(t *testing.T, got, want string) string {
	t.Helper()
	read := func(text string) (value any) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		require.NoError(t, d.Decode(&value), text)
		return value
	}
	require.Equal(t, read(want), read(got))
	return want
}

func TestMediaThatFail(t *testing.T) {
	link := func(target string) http.HandlerFunc { return reply(200, `{"data":[{"url":"`+target+`"}]}`) }
	redirects := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/inside":
			http.Redirect(w, r, "http://10.0.0.1/secret", http.StatusFound)
		case "/gone":
			w.WriteHeader(http.StatusGone)
		}
	})
	for _, c := range []struct {
		name     string
		script   []http.HandlerFunc
		prompt   string
		change   func(*agents.Agent)
		code     string
		detail   string
		requests int
	}{
		{"not JSON", []http.HandlerFunc{reply(200, "<html>")}, "x", nil, "provider_invalid_response", "not a list of images", 1},
		{"something else", []http.HandlerFunc{reply(200, `{"hello":"world"}`)}, "x", nil, "provider_invalid_response", "not a list of images", 1},
		{"an error of status 200", []http.HandlerFunc{reply(200, `{"error":{"message":"no credit"}}`)}, "x", nil, "provider_error", "answered with an error", 1},
		{"no images", []http.HandlerFunc{reply(200, `{"data":[{"revised_prompt":"x"}]}`)}, "x", nil, "completion_empty", "no image", 1},
		{"unauthorized", []http.HandlerFunc{reply(401, `{"error":{"message":"bad key `+key+`"}}`)}, "x", nil, "provider_unauthorized", "apiKey", 1},
		{"overloaded, then good", []http.HandlerFunc{reply(503, ``), reply(200, `{"data":[{"b64_json":"aGk="}]}`)}, "x", nil, "", "", 2},
		{"overloaded", []http.HandlerFunc{reply(503, ``)}, "x", nil, "provider_error", "3 attempts", 3},
		{"broken base64", []http.HandlerFunc{reply(200, `{"data":[{"b64_json":"!!!!"}]}`)}, "x", nil, "artifact_unavailable", "base64", 1},
		{"cut off", []http.HandlerFunc{reply(200, `{"data":[{"b64_json":"aGk`)}, "x", nil, "provider_unreachable", "connection broke off", 3},
		{"a private address", []http.HandlerFunc{link("http://10.0.0.1/a.png")}, "x", nil, "artifact_unavailable", "10.0.0.1", 1},
		{"a redirect inside", []http.HandlerFunc{link(redirects.URL + "/inside")}, "x", nil, "artifact_unavailable", "private network", 1},
		{"gone", []http.HandlerFunc{link(redirects.URL + "/gone")}, "x", nil, "artifact_unavailable", "status 410", 1},
		{"a file:", []http.HandlerFunc{link("file:///etc/passwd")}, "x", nil, "artifact_unavailable", "http", 1},
		{"too large", []http.HandlerFunc{reply(200, `{"data":[{"b64_json":"`+base64Of(strings.Repeat("x", 5000))+`"}]}`)}, "x", nil, "artifact_too_large", "4096", 1},
		{"no such key", []http.HandlerFunc{reply(200, "")}, `{"a":1}`, func(a *agents.Agent) { a.Request = &agents.Request{Body: `{"prompt":{{ json .input.b }}}`} },
			"template_failed", "request of agent", 0},
		{"no JSON of a template", []http.HandlerFunc{reply(200, "")}, `x"y`, func(a *agents.Agent) { a.Request = &agents.Request{Body: `{"prompt":"{{ .input }}"}`} },
			"template_failed", "did not become a JSON object", 0},
		{"speech that is JSON", []http.HandlerFunc{reply(200, `{"error":{"message":"no"}}`)}, "x", func(a *agents.Agent) { a.Kind = agents.KindSpeech },
			"provider_error", "answered with an error", 1},
		{"no speech", []http.HandlerFunc{reply(200, "")}, "x", func(a *agents.Agent) { a.Kind = agents.KindSpeech }, "completion_empty", "no sound", 1},
		{"a transcription of nothing", []http.HandlerFunc{reply(200, "")}, "x", func(a *agents.Agent) { a.Kind = agents.KindTranscription }, "no_sound", "was given no sound", 0},
		{"a transcription of another client's file", []http.HandlerFunc{reply(200, "")}, `{"artifact":"art_9"}`, func(a *agents.Agent) { a.Kind = agents.KindTranscription },
			"artifact_not_found", "art_9", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := serve(t, c.script...)
			files := &agentstest.Files{MaxBytes: 4096}
			_, err := media(t, p.URL, c.change).Invoke(t.Context(), agents.Call{Prompt: c.prompt, Files: files})
			require.Len(t, p.seen(), c.requests)
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, c.code, problem.Of(err).Code)
			require.Contains(t, problem.Of(err).Detail, c.detail)
			require.NotContains(t, err.Error(), key)
			require.Empty(t, files.List())
		})
	}
}

func TestTranscription(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		params agents.Object
	}{
		"json": {reply(200, `{"text":"Hello there.","usage":{"type":"tokens","input_tokens":14,"output_tokens":4,"total_tokens":18}}`), nil},
		"text": {reply(200, "Hello there.", "Content-Type: text/plain"), agents.Object{"response_format": "text", "temperature": 0.5}},
	} {
		t.Run(name, func(t *testing.T) {
			files := &agentstest.Files{}
			ctx := t.Context()
			_, err := files.Save(ctx, "cat.png", "", strings.NewReader(png))
			require.NoError(t, err)
			sound, err := files.Save(ctx, "memo.mp3", "", strings.NewReader("ID3"+strings.Repeat("sound", 1000)))
			require.NoError(t, err)
			var tries atomic.Int32
			p := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if tries.Add(1) == 1 { // the file is sent again
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				c.answer(w, r)
			})
			said := ""
			for prompt, made := range map[string][]agents.Artifact{"what was said?": files.List(), `{"artifact":"` + sound.ID + `"}`: nil} {
				said = ""
				result, err := media(t, p.URL, func(a *agents.Agent) { a.Kind, a.Params = agents.KindTranscription, c.params }).
					Invoke(ctx, agents.Call{Prompt: prompt, Files: files, Artifacts: made, Text: func(piece string) { said += piece }})
				require.NoError(t, err)
				require.Equal(t, "Hello there.", result.Output)
				require.Equal(t, "Hello there.", said)
			}
			seen := p.seen()
			require.Len(t, seen, 3)
			for _, r := range seen {
				require.Equal(t, "/v1/audio/transcriptions", r.url)
				form, err := (&http.Request{Method: "POST", Header: r.header, Body: io.NopCloser(strings.NewReader(r.body))}).MultipartReader()
				require.NoError(t, err)
				read, err := form.ReadForm(1 << 20)
				require.NoError(t, err)
				require.Equal(t, []string{"paint-1"}, read.Value["model"])
				require.Equal(t, "memo.mp3", read.File["file"][0].Filename)
				require.EqualValues(t, 5003, read.File["file"][0].Size)
				if c.params != nil {
					require.Equal(t, []string{"0.5"}, read.Value["temperature"])
				}
			}
		})
	}
}

// A file in base64 is decoded as it comes.
func TestLargeImagesAreNotHeld(t *testing.T) {
	const size = 25 << 20
	p := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":[{"b64_json":"`)
		encoder := base64.NewEncoder(base64.StdEncoding, w)
		piece := make([]byte, 48<<10)
		for left := size; left > 0; left -= len(piece) {
			_, _ = encoder.Write(piece[:min(left, len(piece))])
		}
		_ = encoder.Close()
		_, _ = io.WriteString(w, `"}]}`)
	})
	invoker := media(t, p.URL, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result, err := invoker.Invoke(t.Context(), agents.Call{Prompt: "x", Files: &agentstest.Files{Discards: true}})
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.EqualValues(t, size, result.Artifacts[0].Bytes)
	allocated := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d KiB were allocated for a file of %d KiB, on both sides", allocated>>10, size>>10)
	require.Less(t, allocated, uint64(10<<20))
}
