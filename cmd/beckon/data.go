package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"beckon/calls"
)

// adminFlags are for the commands that need the admin token.
type adminFlags struct {
	URL   string `help:"The gateway's URL." env:"BECKON_URL" default:"http://localhost:8080" name:"url"`
	Token string `help:"The admin token (admin.token). Prefer the variable, because process lists show the flag." env:"BECKON_ADMIN_TOKEN,BECKON_TOKEN"`
}

func (f adminFlags) client() (*gatewayClient, error) {
	if f.Token == "" {
		return nil, &exitError{
			exitUsage, errors.New("the admin token is needed: set BECKON_ADMIN_TOKEN or BECKON_TOKEN, or give --token"),
		}
	}
	return gatewayFlags(f).client()
}

type exportDataCommand struct {
	Client  exportClientCommand  `cmd:"" help:"Export the runs of a client with their events, deliveries and files, its conversations and kept requests."`
	Visitor exportVisitorCommand `cmd:"" help:"Export what a visitor sent with forms."`
}

type exportClientCommand struct {
	adminFlags
	ID   string `arg:"" help:"The client."`
	File string `arg:"" help:"Where to write it, one JSON object a line: a file, or - for standard output."`
}

// Run writes what is on record of a client.
func (k exportClientCommand) Run(std streams) error {
	return k.export(std, k.File, http.MethodGet, nil, "admin", "clients", k.ID, "data")
}

type exportVisitorCommand struct {
	adminFlags
	Address string `arg:"" help:"The mail address in a field of the form."`
	File    string `arg:"" help:"Where to write it, one JSON object a line: a file, or - for standard output."`
}

// Run writes what a visitor has sent.
func (k exportVisitorCommand) Run(std streams) error {
	return k.export(std, k.File, http.MethodPost, visitorBody(k.Address), "admin", "visitors", "export")
}

// visitorBody names a visitor where no log of addresses has it.
func visitorBody(address string) []byte {
	body, _ := json.Marshal(map[string]string{"address": address}) // texts never fail
	return body
}

func (f adminFlags) export(std streams, file, method string, body []byte, path ...string) error {
	ctx := interruptible()
	response, err := f.send(ctx, method, body, path...)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		answer, err := readAnswer(response)
		if err != nil {
			return err
		}
		return answer.refusal()
	}
	defer response.Body.Close()
	err = writeWhole(ctx, file, std.out, func(to io.Writer) error {
		last := &lastLine{}
		if _, err := io.Copy(io.MultiWriter(to, last), response.Body); err != nil {
			return unreachable(err)
		}
		if !bytes.HasPrefix(last.begin, []byte(`{"type":"end"`)) {
			return errors.New("its end is missing")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("the export broke off: %w", err)
	}
	return nil
}

func (f adminFlags) send(ctx context.Context, method string, body []byte, path ...string) (*http.Response, error) {
	client, err := f.client()
	if err != nil {
		return nil, err
	}
	request, err := client.request(ctx, method, nil, body, path...)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.http.Do(request)
	if err != nil {
		return nil, unreachable(err)
	}
	return response, nil
}

// lastLine keeps the beginning of the last line that is written to it.
type lastLine struct {
	begin []byte
	ended bool // the next byte begins a line
}

// Write implements io.Writer.
func (l *lastLine) Write(p []byte) (int, error) {
	const most = 32
	for _, b := range p {
		if l.ended {
			l.begin, l.ended = l.begin[:0], false
		}
		if l.ended = b == '\n'; !l.ended && len(l.begin) < most {
			l.begin = append(l.begin, b)
		}
	}
	return len(p), nil
}

type eraseDataCommand struct {
	Client  eraseClientCommand  `cmd:"" help:"Erase the prompts and answers of a client's runs, its conversations and kept requests."`
	Visitor eraseVisitorCommand `cmd:"" help:"Erase what a visitor sent with forms, and what was made of it."`
}

type eraseFlags struct {
	adminFlags
	Yes  bool `help:"Erase. Without it nothing is erased."`
	JSON bool `help:"Print JSON."`
}

type eraseClientCommand struct {
	eraseFlags
	ID string `arg:"" help:"The client."`
}

// Run erases what is on record of a client.
func (k eraseClientCommand) Run(std streams) error {
	return k.erase(std, http.MethodDelete, nil, "admin", "clients", k.ID, "data")
}

type eraseVisitorCommand struct {
	eraseFlags
	Address string `arg:"" help:"The mail address in a field of the form."`
}

// Run erases what a visitor has sent.
func (k eraseVisitorCommand) Run(std streams) error {
	return k.erase(std, http.MethodPost, visitorBody(k.Address), "admin", "visitors", "erase")
}

func (f eraseFlags) erase(std streams, method string, body []byte, path ...string) error {
	if !f.Yes {
		return &exitError{
			exitUsage, errors.New("nothing was erased: it cannot be undone. Export it first, " +
				"and then repeat the command with --yes"),
		}
	}
	response, err := f.send(interruptible(), method, body, path...)
	if err != nil {
		return err
	}
	answer, err := readAnswer(response)
	switch {
	case err != nil:
		return err
	case answer.status != http.StatusOK:
		return answer.refusal()
	}
	var erased calls.Erased
	if err := answer.read(&erased); err != nil {
		return err
	}
	if f.JSON {
		if err := answer.print(std.out); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(std.out, "Erased the content of %d runs, %d conversations and %d kept requests.\n", erased.Runs,
			erased.Sessions, erased.Requests)
	}
	if erased.GoOn > 0 {
		return &exitError{
			exitGoesOn, fmt.Errorf("%d runs have not ended and keep their content: "+
				"cancel them or wait, and erase again", erased.GoOn),
		}
	}
	return nil
}
