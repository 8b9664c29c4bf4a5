// Package token has the schemes whose proof is the client's own token, in the places where senders can put one.
package token

import (
	"net/http"
	"strings"

	"beckon/calls/senders"
)

// Bearer is Authorization: Bearer <token> (RFC 6750).
var Bearer = &senders.Sender{
	Name:  "bearer",
	Title: "Bearer token",
	Group: senders.Proofs,
	Token: bearer,
	Shows: showsAuthorization("bearer"),
}

// Basic is HTTP Basic (RFC 7617): any user name, the token as password.
var Basic = &senders.Sender{
	Name:  "basic",
	Title: "HTTP Basic",
	Group: senders.Proofs,
	Token: basic,
	Shows: showsAuthorization("basic"),
}

// Header is the token in a header of a chosen name.
var Header = &senders.Sender{
	Name: "header", Title: "Token in a header", Group: senders.Proofs, Check: hasName,
	Token: func(p senders.Proof, d senders.Delivery) (string, error) { return senders.One(d.Header, p.Name) },
	Shows: func(p senders.Proof, d senders.Delivery) bool { return p.Name != "" && d.Header.Get(p.Name) != "" },
}

// Query is the token in a query parameter of a chosen name.
var Query = &senders.Sender{
	Name: "query", Title: "Token in the query", Group: senders.Proofs, Check: hasName, Token: query,
	Shows: func(p senders.Proof, d senders.Delivery) bool { return p.Name != "" && d.URL.Query().Has(p.Name) },
}

func bearer(_ senders.Proof, d senders.Delivery) (string, error) { return senders.Bearer(d.Header) }

func basic(_ senders.Proof, d senders.Delivery) (string, error) {
	if _, err := senders.One(d.Header, "Authorization"); err != nil {
		return "", err
	}
	_, password, ok := (&http.Request{Header: d.Header}).BasicAuth()
	if !ok || password == "" {
		return "", senders.Refuse("The header Authorization is not HTTP Basic with the token as password.")
	}
	return password, nil
}

func query(p senders.Proof, d senders.Delivery) (string, error) {
	switch values := d.URL.Query()[p.Name]; {
	case len(values) > 1:
		return "", senders.Refuse("The query has more than one %s.", p.Name)
	case len(values) == 0 || values[0] == "":
		return "", senders.Refuse("The query has no %s.", p.Name)
	default:
		return values[0], nil
	}
}

func hasName(p senders.Proof) error {
	if p.Name == "" {
		return senders.Refuse("scheme %s needs a name, such as {scheme: header, name: X-Token}", p.Scheme)
	}
	return nil
}

func showsAuthorization(scheme string) func(senders.Proof, senders.Delivery) bool {
	return func(_ senders.Proof, d senders.Delivery) bool {
		got, _, _ := strings.Cut(d.Header.Get("Authorization"), " ")
		return strings.EqualFold(got, scheme)
	}
}
