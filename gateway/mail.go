package gateway

import (
	"fmt"

	"beckon/internal/config"
	"beckon/internal/mail"
)

// newMailer returns what hands mails in; nil where the configuration names no server.
func newMailer(c config.SMTP) (*mail.Server, error) {
	if c.URL == "" {
		return nil, nil
	}
	server, err := mail.New(c.URL, c.From)
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	return server, nil
}
