package egress

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	maxRedirects = 5
	// headerTimeout is how long a server may take to begin its answer. The answer itself may take as long as ctx
	// lets it.
	headerTimeout = time.Minute
)

// Get asks for what a URL leads to, without credentials. It follows redirects, each of which has to lead where the
// guard allows. The caller closes the answer's body, whatever its status is. Errors are those of Post.
func (w *Webhooks) Get(ctx context.Context, url string) (*http.Response, error) {
	return w.get(ctx, url, func(string) error { return nil })
}

// GetAllowed is Get for those URLs alone that are allowed, also behind redirects.
func (w *Webhooks) GetAllowed(ctx context.Context, url string, allowed Allowed) (*http.Response, error) {
	return w.get(ctx, url, allowed.Check)
}

func (w *Webhooks) get(ctx context.Context, url string, check func(url string) error) (*http.Response, error) {
	for range maxRedirects + 1 {
		if err := check(url); err != nil {
			return nil, err
		}
		response, err := w.getOnce(ctx, url)
		if err != nil || !IsRedirect(response.StatusCode, response.Header) {
			return response, err
		}
		_ = response.Body.Close()
		next, err := response.Location()
		if err != nil {
			return nil, refuse("", "leads to something that is not a URL")
		}
		next.Fragment, next.RawFragment = "", ""
		url = next.String()
	}
	return nil, refuse("", "leads on more than %d times", maxRedirects)
}

func (w *Webhooks) getOnce(ctx context.Context, url string) (*http.Response, error) {
	if err := w.guard.CheckURL(url); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(headerTimeout, func() { cancel(context.DeadlineExceeded) })
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("User-Agent", "Beckon")
	request.Header.Set("Accept", "*/*")
	response, err := w.route.Load().RoundTrip(request)
	if !late.Stop() && err == nil {
		_ = response.Body.Close()
		err = context.DeadlineExceeded
	}
	if err != nil {
		err = failed(ctx, err, false, headerTimeout)
		cancel(nil)
		return nil, err
	}
	response.Body = &endingBody{response.Body, cancel}
	return response, nil
}

// endingBody gives back what a request holds when its answer has been read.
type endingBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close implements io.Closer.
func (b *endingBody) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}
