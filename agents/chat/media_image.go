package chat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/jsonstream"
	"beckon/internal/spend"
)

const (
	maxImages = 64
	maxLink   = 8 << 10 // bytes of the URL of an image
)

// image makes images: https://platform.openai.com/docs/api-reference/images/create
type image struct{ *media }

// Invoke implements agents.Invoker. The images are the result's artifacts; its output is empty.
func (m *image) Invoke(ctx context.Context, call agents.Call) (result agents.Result, err error) {
	if err := m.ready(ctx, call); err != nil {
		return result, err
	}
	body, said, err := m.body(call, standardImage)
	if err != nil {
		return result, err
	}
	most := func() spend.Use {
		n := imagesAskedFor(body)
		return spend.Use{Input: int64(len(body)), Output: n * tokensOfImage, Images: n}
	}
	result.By.Attempts, err = m.ask(ctx, mediaCall{call.Spend, most, said, &result},
		func(ctx context.Context) *failure {
			return m.exchange(ctx, body, func(ctx context.Context, r *http.Response) error {
				err := m.read(ctx, call.Files, r, &result)
				result.Usage.Images = len(result.Artifacts)
				return err
			})
		}, func() bool { return len(result.Artifacts) > 0 })
	if err == nil && len(result.Artifacts) == 0 {
		err = m.empty("there was no image in it")
	}
	return result, err
}

// tokensOfImage is more than any image has, where providers count them in tokens.
const tokensOfImage = 8192

// imagesAskedFor is how many images a request asks for.
func imagesAskedFor(body []byte) int64 {
	var asked struct{ N int64 }
	_ = json.Unmarshal(body, &asked) // one that is no number is refused by the provider
	return min(max(asked.N, 1), maxImages)
}

// standardImage is the request of an agent without a template.
func standardImage(input any, text string) map[string]any {
	request := map[string]any{"prompt": asText(input, text, "prompt", "text")}
	if members, ok := input.(map[string]any); ok {
		for _, name := range []string{"image_count", "n"} {
			if n, ok := members[name].(int64); ok && n > 0 {
				request["n"] = n
				break
			}
		}
	}
	return request
}

// read keeps the images of an answer as they come.
func (m *image) read(ctx context.Context, files agents.Files, r *http.Response, result *agents.Result) error {
	var links []string
	said, hasData := &completion.Error{}, false
	body := bufio.NewReader(r.Body)
	begin, _ := body.Peek(512)
	begin = bytes.Clone(begin)
	err := jsonstream.Walk(body, func(path []string, v jsonstream.Value) error {
		name := strings.Join(path, ".")
		hasData = hasData || path != nil && path[0] == "data"
		switch {
		case len(result.Artifacts)+len(links) >= maxImages:
			return nil
		case name == "data.*.b64_json" && v.IsText:
			artifact, err := agents.SaveBase64(ctx, files, m.agent, "", v)
			if err == nil && artifact.Bytes > 0 {
				result.Artifacts = append(result.Artifacts, artifact)
			}
			return err
		case name == "data.*.url" && v.IsText:
			link, artifact, err := m.link(ctx, files, v)
			if artifact != nil {
				result.Artifacts = append(result.Artifacts, *artifact)
			}
			if link != "" {
				links = append(links, link)
			}
			return err
		case name == "error.message", name == "error", name == "message":
			said.Message = brief(v)
		case name == "error.code":
			said.Code = brief(v)
		case len(path) == 2 && path[0] == "usage":
			count(&result.Usage, path[1], brief(v))
		}
		return nil
	})
	switch {
	case errors.Is(err, jsonstream.ErrSyntax):
		return unreadable(begin)
	case err != nil:
		return err
	case !hasData && said.Message != "" && said.Message != "null":
		return &noAnswer{&completion.Completion{End: completion.Failed, Error: said}}
	case !hasData:
		return unreadable(begin)
	}
	if result.Usage.TotalTokens == 0 {
		result.Usage.TotalTokens = result.Usage.PromptTokens + result.Usage.CompletionTokens
	}
	for _, link := range links {
		artifact, err := agents.Fetch(ctx, files, m.agent, link, m.sender.pace, m.out.Get)
		if err != nil {
			return err
		}
		result.Artifacts = append(result.Artifacts, artifact)
	}
	return nil
}

// link reads the URL of an image, or keeps the image that a data URL holds.
func (m *image) link(ctx context.Context, files agents.Files, v io.Reader) (string, *agents.Artifact, error) {
	in := bufio.NewReader(v)
	if begin, _ := in.Peek(5); string(begin) == "data:" {
		_, _ = in.Discard(5)
		artifact, err := agents.SaveDataURL(ctx, files, m.agent, in)
		if err != nil {
			return "", nil, err
		}
		return "", &artifact, nil
	}
	link, err := io.ReadAll(io.LimitReader(in, maxLink+1))
	if len(link) > maxLink {
		return "", nil, unreadable(nil)
	}
	return string(link), nil, err
}

// brief is the beginning of a value.
func brief(v io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(v, maxLogged))
	return string(text)
}

// count takes up one number of a usage.
func count(usage *agents.Usage, name, value string) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return
	}
	switch name {
	case "input_tokens", "prompt_tokens":
		usage.PromptTokens = n
	case "output_tokens", "completion_tokens":
		usage.CompletionTokens = n
	case "total_tokens":
		usage.TotalTokens = n
	}
}
