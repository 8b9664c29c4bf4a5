package tools

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/tools/names"
)

// Noun declares tool servers.
func Noun() catalog.Noun[Server] {
	return catalog.Noun[Server]{
		Kind: catalog.Kind{Section: names.Section, One: "tool server"},
		Secrets: func(s *Server) catalog.Secrets {
			address := &s.URL
			if s.IsProgram() {
				address = new(addressOf(s.Command))
			}
			return catalog.Secrets{URL: address, Headers: &s.Headers,
				Maps: map[string]*map[string]secret.String{"env": &s.Env, "secrets": &s.Secrets}}
		},
		CheckChange: func(v *catalog.View, have, s Server) (found problem.Fields) {
			if s.IsProgram() && !v.File.Commands() && !slices.Equal(have.Command, s.Command) {
				found.Add("command", "is for the configuration file only: admin.commands is false")
			}
			return found
		},
	}
}

// addressOf stands for a program where secrets are kept for an address: those of one program are not for another.
func addressOf(command []string) string {
	sum := sha256.Sum256([]byte(strings.Join(command, "\x00")))
	return "program://" + hex.EncodeToString(sum[:])
}

func index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
