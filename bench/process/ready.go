package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	readyPoll    = time.Millisecond
	readyTimeout = 30 * time.Second
)

// Ready waits until GET url answers 200.
func (p *Process) Ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready within %s", readyTimeout))
	defer cancel()
	client := &http.Client{Transport: &http.Transport{}} // no proxy, and connections of its own
	defer client.CloseIdleConnections()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for !answers(ctx, client, url) {
		select {
		case <-poll.C:
		case <-p.done:
			return p.Failure(errors.New("it ended before it was ready"))
		case <-ctx.Done():
			return p.Failure(context.Cause(ctx))
		}
	}
	return nil
}

func answers(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}
