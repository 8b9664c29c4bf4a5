package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/html/charset"

	"beckon/internal/egress"
	"beckon/tools/names"
)

// Getter gets what a URL leads to, from where the guard and the list allow.
type Getter interface {
	GetAllowed(ctx context.Context, url string, allowed egress.Allowed) (*http.Response, error)
}

const (
	getTimeout = 30 * time.Second
	maxGot     = 1 << 20 // bytes of an answer
	getSchema  = `{"type":"object","additionalProperties":false,"required":["url"],"properties":{` +
		`"url":{"type":"string","description":"An http or https URL. ` +
		`Redirects are followed where they lead to URLs that are allowed as well."}}}`
)

// newGet makes http.get, which is offered where allowed lists a URL.
func newGet(getter Getter, allowed func() egress.Allowed) *builtIn {
	tool := newBuiltIn(Tool{
		Name:        names.HTTPGet,
		Title:       "Get a URL",
		Description: "Returns the text that a URL leads to, with the status and the media type of the answer.",
		Schema:      json.RawMessage(getSchema),
		ReadOnly:    true,
	}, func(ctx context.Context, use Use) (Result, error) {
		var wanted struct{ URL string }
		if err := json.Unmarshal(use.Arguments, &wanted); err != nil {
			return Result{}, &ArgumentError{err.Error()}
		}
		if err := allowed().Check(wanted.URL); err != nil {
			return Result{}, &ArgumentError{err.Error()}
		}
		within, cancel := context.WithTimeout(ctx, getTimeout)
		defer cancel()
		text, status, err := get(within, getter, wanted.URL, allowed())
		switch {
		case ctx.Err() != nil:
			return Result{}, ctx.Err()
		case err != nil:
			_, why := egress.Explain(err)
			return Result{IsError: true, Text: "The URL could not be got: " + why}, nil
		}
		r := &resultMaker{ctx: ctx, use: use, result: Result{IsError: status >= http.StatusBadRequest}}
		r.result.Text = r.cut(text)
		return r.result, nil
	})
	tool.isOffered = func() bool { return getter != nil && len(allowed()) > 0 }
	return tool
}

func get(ctx context.Context, getter Getter, url string, allowed egress.Allowed) (text string, status int, err error) {
	resp, err := getter.GetAllowed(ctx, url, allowed)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	contentType := resp.Header.Get("Content-Type")
	media, _, _ := mime.ParseMediaType(contentType)
	head := fmt.Sprintf("HTTP %d, %s\n\n", resp.StatusCode, shorten(media, maxTitle))
	if !isText(media) {
		return head + "[no text, so it was not read]", resp.StatusCode, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxGot+1))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", 0, err
	}
	note := ""
	if len(body) > maxGot {
		body, note = body[:maxGot], fmt.Sprintf("\n[only the first %d bytes were read]", maxGot)
	}
	encoding, _, _ := charset.DetermineEncoding(body[:min(len(body), 1024)], contentType)
	decoded, err := encoding.NewDecoder().Bytes(body)
	if err != nil {
		decoded = body
	}
	return head + strings.ToValidUTF8(string(decoded), "\uFFFD") + note, resp.StatusCode, nil
}

// isText reports whether people can read what has a media type; also where there is none, as many small servers do.
func isText(media string) bool {
	if media == "" || strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") ||
		strings.HasSuffix(media, "+xml") {
		return true
	}
	switch media {
	case "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/javascript",
		"application/x-ndjson", "application/toml":
		return true
	}
	return false
}
