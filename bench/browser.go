package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

const (
	adminPassword = "bench-password"
	withPassword  = "admin: {password: " + adminPassword + "}\n"
)

// browser is somebody who is logged in on the page of a gateway, as far as the gateway can tell.
type browser struct {
	origin string
	client *http.Client
}

// openBrowser logs in.
func openBrowser(ctx context.Context, origin string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &browser{
		origin, &http.Client{Jar: jar, Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1}, Timeout: time.Minute},
	}
	form := url.Values{"password": {adminPassword}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, origin+"/admin/login", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK ||
		response.Request.URL.Path != "/admin" {
		return nil, fmt.Errorf("the login led to %s with %s (%w)", response.Request.URL.Path, response.Status, err)
	}
	return b, nil
}

// look gets a page, and returns it, how long that took and how many bytes it was on the way.
func (b *browser) look(ctx context.Context, path string, header ...string) (page string, took time.Duration, bytes int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.origin+path, nil)
	if err != nil {
		return "", 0, 0, err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	began := time.Now()
	response, err := b.client.Do(request)
	if err != nil {
		return "", 0, 0, err
	}
	defer response.Body.Close()
	sent, err := io.ReadAll(response.Body)
	took = time.Since(began)
	if err != nil || response.StatusCode != http.StatusOK || response.Request.URL.Path == "/admin/login" {
		return "", 0, 0, fmt.Errorf("the page %s was answered with %s", path, response.Status)
	}
	text := io.Reader(strings.NewReader(string(sent)))
	if response.Header.Get("Content-Encoding") == "gzip" {
		if text, err = gzip.NewReader(text); err != nil {
			return "", 0, 0, err
		}
	}
	read, err := io.ReadAll(text)
	return string(read), took, len(sent), err
}
