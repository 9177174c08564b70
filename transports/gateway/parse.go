package gateway

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ParseOffer reads an offer as a command line has it:
//
//	name=endpoint[,option...]
//
//	redis=127.0.0.1:6379
//	pg=unix:/run/postgresql/.s.PGSQL.5432,uid=1000,max-conns=50
//
// The options are those of Offer and Rules:
//
//	anyone  uid=NUMBER  cert=NAME  token-file=PATH  proxied  max-conns=NUMBER  dial-timeout=DURATION  idle-timeout=DURATION
//
// uid, cert and token-file may be given more than once. A token file has a token a line.
func ParseOffer(s string) (Offer, error) {
	head, options, _ := strings.Cut(s, ",")
	name, upstream, ok := strings.Cut(head, "=")
	if !ok {
		return Offer{}, fmt.Errorf("%w: %q: write name=host:port, or name=unix:/path", ErrOffer, s)
	}
	o := Offer{Name: name, Upstream: upstream}
	if strings.Contains(s, ",") {
		for option := range strings.SplitSeq(options, ",") {
			if err := o.set(option); err != nil {
				return Offer{}, fmt.Errorf("offer %s: %w", name, err)
			}
		}
	}
	_, err := newOffer(o)
	return o, err
}

const optionList = "anyone, uid=, cert=, token-file=, proxied, max-conns=, dial-timeout=, idle-timeout="

func (o *Offer) set(option string) error {
	key, value, given := strings.Cut(option, "=")
	var err error
	switch {
	case key == "anyone" && !given:
		o.Rules.Anyone = true
	case key == "proxied" && !given:
		o.Proxied = true
	case value == "":
		return fmt.Errorf("%w: option %q: write one of %s", ErrOffer, option, optionList)
	case key == "uid":
		var uid uint64
		uid, err = strconv.ParseUint(value, 10, 32)
		o.Rules.UIDs = append(o.Rules.UIDs, uint32(uid))
	case key == "cert":
		o.Rules.Certs = append(o.Rules.Certs, value)
	case key == "token-file":
		var tokens []string
		tokens, err = ReadTokens(value)
		o.Rules.Tokens = append(o.Rules.Tokens, tokens...)
	case key == "max-conns":
		if o.MaxConns, err = strconv.Atoi(value); err == nil && o.MaxConns < 1 {
			return fmt.Errorf("%w: %s: give at least 1", ErrOffer, option)
		}
	case key == "dial-timeout":
		o.DialTimeout, err = positive(value)
	case key == "idle-timeout":
		o.IdleTimeout, err = positive(value)
	default:
		return fmt.Errorf("%w: no option %q: write one of %s", ErrOffer, key, optionList)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrOffer, option, err)
	}
	return nil
}

func positive(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil && d <= 0 {
		err = fmt.Errorf("give more than 0, or leave it out")
	}
	return d, err
}

// ReadTokens reads a file of tokens, one a line; empty lines, and those that begin with #, are left out.
func ReadTokens(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var tokens []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			tokens = append(tokens, line)
		}
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%s has no token", path)
	}
	return tokens, nil
}
