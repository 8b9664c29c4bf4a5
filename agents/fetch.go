package agents

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"beckon/internal/egress"
	"beckon/internal/problem"
)

// Fetcher gets what a URL leads to that an answer has named: from public addresses only, and without credentials.
type Fetcher interface {
	Get(ctx context.Context, url string) (*http.Response, error)
}

// fetchPatience is how long a file may give no more bytes.
const fetchPatience = time.Minute

var errSilent = errors.New("nothing came for a minute")

// Fetch keeps what a URL leads to that the answer of an agent has named. It may be a data URL. get makes the
// request, which is made again when its server is overloaded or cannot be reached.
func Fetch(
	ctx context.Context, files Files, agent, url string, pace egress.Pace,
	get func(ctx context.Context, url string) (*http.Response, error),
) (Artifact, error) {
	if data, ok := strings.CutPrefix(url, dataScheme); ok {
		return SaveDataURL(ctx, files, agent, strings.NewReader(data))
	}
	for count := 1; ; count++ {
		artifact, err := fetchOnce(ctx, files, agent, url, get)
		var asked time.Duration
		status, isStatus := errors.AsType[*FetchStatus](err)
		if isStatus {
			asked = status.RetryAfter
		}
		isRefused := errors.As(err, new(*egress.Refused))
		mayPass := isStatus && PassingStatus(status.Status) ||
			!isStatus && !isRefused && problem.Is(err, problem.Upstream)
		if !mayPass || count > DefaultMaxRetries || pace.Wait(ctx, pace.After(count, asked)) != nil {
			return artifact, err
		}
	}
}

// PassingStatus reports whether another attempt may go better after an answer with that status.
func PassingStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= http.StatusInternalServerError && status != http.StatusNotImplemented
}

func fetchOnce(
	ctx context.Context, files Files, agent, url string,
	get func(ctx context.Context, url string) (*http.Response, error),
) (Artifact, error) {
	if files == nil {
		return Artifact{}, NoFiles(agent)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(fetchPatience, func() { cancel(errSilent) })
	defer patience.Stop()
	response, err := get(ctx, url)
	if err != nil {
		return Artifact{}, notFetched(ctx, agent, url, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return Artifact{}, notFetched(ctx, agent, url, &FetchStatus{
			response.StatusCode, egress.RetryAfter(response.Header, time.Now()),
		})
	}
	file := &observed{Reader: response.Body, patience: patience}
	artifact, err := files.Save(ctx, fileName(response, url), response.Header.Get("Content-Type"), file)
	if file.err != nil { // the server's failure, and not that of the storage
		return Artifact{}, notFetched(ctx, agent, url, file.err)
	}
	return artifact, err
}

// FetchStatus is the status of an answer that brings no file.
type FetchStatus struct {
	Status     int
	RetryAfter time.Duration
}

func (s *FetchStatus) Error() string { return fmt.Sprintf("it answered with status %d", s.Status) }

// observed notes why a file broke off.
type observed struct {
	io.Reader
	patience *time.Timer
	err      error
}

func (o *observed) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	o.patience.Reset(fetchPatience)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		o.err = err
	}
	return n, err
}

// NoFiles returns the problem of an agent that makes files in a run that cannot store files.
func NoFiles(agent string) error {
	return problem.New(problem.Internal, "internal_error",
		"The agent %q has made a file, and nothing keeps files here.", agent)
}

// notFetched says why. The URL may hold a secret, so that it is not in it but for its host.
func notFetched(ctx context.Context, agent, link string, err error) error {
	host := "its host"
	if u, wrong := url.Parse(link); wrong == nil && u.Host != "" {
		host = u.Hostname()
	}
	_, why := egress.Explain(err)
	status, isStatus := errors.AsType[*FetchStatus](err)
	switch {
	case errors.Is(context.Cause(ctx), errSilent):
		why, err = errSilent.Error(), errSilent
	case ctx.Err() != nil:
		return fmt.Errorf("fetch a file: %w: %w", ctx.Err(), context.Cause(ctx))
	case isStatus:
		why = status.Error()
	}
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	return problem.New(problem.Upstream, problem.CodeArtifactUnavailable,
		"A file of the agent %q could not be fetched from %s: %s.", agent, host,
		strings.TrimSuffix(why, ".")).Because(err)
}

// fileName is what a file is called: as its server says, else as its URL ends.
func fileName(response *http.Response, link string) string {
	_, params, err := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
	if err == nil && params["filename"] != "" {
		return path.Base(strings.ReplaceAll(params["filename"], `\`, "/"))
	}
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	if name := path.Base(u.Path); strings.Contains(name, ".") {
		return strings.Trim(name, ".")
	}
	return ""
}

const dataScheme = "data:"

// SaveDataURL keeps what a data URL holds (RFC 2397), of which data is all behind "data:". It must be in base64.
func SaveDataURL(ctx context.Context, files Files, agent string, data io.Reader) (Artifact, error) {
	const longest = 256 // of a media type
	in := bufio.NewReaderSize(data, longest)
	head, err := in.ReadSlice(',')
	mediaType, ok := strings.CutSuffix(strings.TrimSuffix(string(head), ","), ";base64")
	if err != nil || !ok {
		return Artifact{}, problem.New(problem.Upstream, problem.CodeArtifactUnavailable,
			"The agent %q has made a file as a data URL that is not in base64.", agent)
	}
	return SaveBase64(ctx, files, agent, mediaType, in)
}

// SaveBase64 keeps a file that comes in base64.
func SaveBase64(ctx context.Context, files Files, agent, mediaType string, text io.Reader) (Artifact, error) {
	if files == nil {
		return Artifact{}, NoFiles(agent)
	}
	decoded := &observed{Reader: base64.NewDecoder(base64.StdEncoding, text), patience: time.NewTimer(fetchPatience)}
	defer decoded.patience.Stop()
	artifact, err := files.Save(ctx, "", mediaType, decoded)
	if _, ok := errors.AsType[base64.CorruptInputError](decoded.err); ok {
		return Artifact{}, problem.New(problem.Upstream, problem.CodeArtifactUnavailable,
			"The agent %q has made a file whose base64 is broken.", agent).Because(decoded.err)
	}
	if decoded.err != nil {
		return Artifact{}, decoded.err
	}
	return artifact, err
}
