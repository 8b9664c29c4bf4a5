package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"beckon/agents"
)

// maxText is how much of a result a model is told.
const maxText = 64 << 10

// resultOf makes a Result of what a server has answered: a text for the model, and files for what is none.
func resultOf(ctx context.Context, answer *mcp.CallToolResult, use Use, clean func(string) string) Result {
	r := &resultMaker{ctx: ctx, use: use, clean: clean, result: Result{IsError: answer.IsError}}
	for _, content := range answer.Content {
		r.add(content)
	}
	if answer.StructuredContent != nil && len(r.parts) == 0 {
		text, err := json.Marshal(answer.StructuredContent)
		if err == nil {
			r.addText(string(text))
		}
	}
	r.result.Text = r.cut(strings.Join(r.parts, "\n"))
	return r.result
}

type resultMaker struct {
	ctx    context.Context //nolint:containedctx // it lives as long as one call of resultOf
	use    Use
	clean  func(string) string
	parts  []string
	result Result
}

func (r *resultMaker) addText(text string) {
	r.parts = append(r.parts, r.clean(strings.ToValidUTF8(text, "\uFFFD")))
}

func (r *resultMaker) add(content mcp.Content) {
	switch content := content.(type) {
	case *mcp.TextContent:
		r.addText(content.Text)
	case *mcp.ImageContent:
		r.addFile("image", "image", content.MIMEType, content.Data)
	case *mcp.AudioContent:
		r.addFile("sound", "sound", content.MIMEType, content.Data)
	case *mcp.ResourceLink:
		r.addText(strings.TrimSpace(fmt.Sprintf("[link to %s: %s] %s", content.Name, content.URI, content.Description)))
	case *mcp.EmbeddedResource:
		switch resource := content.Resource; {
		case resource == nil:
		case resource.Blob != nil:
			r.addFile("file", path.Base(resource.URI), resource.MIMEType, resource.Blob)
		default:
			r.addText(resource.Text)
		}
	default:
		r.addText("[something that is neither text nor a file]")
	}
}

// addFile keeps a file, and tells the model of it.
func (r *resultMaker) addFile(what, name, media string, data []byte) {
	if !strings.Contains(name, ".") {
		if endings, _ := mime.ExtensionsByType(media); len(endings) > 0 {
			name += endings[0]
		}
	}
	if clean := r.clean(string(data)); clean != string(data) {
		data = []byte(clean)
	}
	kept, err := r.save(name, media, data)
	if err != nil {
		r.parts = append(r.parts, fmt.Sprintf("[%s of %d bytes, which could not be kept]", what, len(data)))
		return
	}
	r.parts = append(r.parts, fmt.Sprintf("[%s %s, %s, %d bytes, kept as the artifact %s]", what, kept.Name,
		kept.MediaType, kept.Bytes, kept.ID))
}

var errNoFiles = fmt.Errorf("nobody keeps files")

func (r *resultMaker) save(name, media string, data []byte) (agents.Artifact, error) {
	if r.use.Files == nil {
		return agents.Artifact{}, errNoFiles
	}
	kept, err := r.use.Files.Save(r.ctx, name, media, bytes.NewReader(data))
	if err == nil {
		r.result.Artifacts = append(r.result.Artifacts, kept)
	}
	return kept, err
}

// cut leaves a text that is too long with its beginning, and says where the whole is.
func (r *resultMaker) cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	name, media := "result.txt", "text/plain; charset=utf-8"
	if json.Valid([]byte(text)) {
		name, media = "result.json", "application/json"
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	rest := "the rest could not be kept"
	if kept, err := r.save(name, media, []byte(text)); err == nil {
		rest = fmt.Sprintf("all of it is the artifact %s, %s", kept.ID, kept.Name)
	}
	return fmt.Sprintf("%s\n[cut: these are the first %d of %d bytes; %s]", text[:end], end, len(text), rest)
}
