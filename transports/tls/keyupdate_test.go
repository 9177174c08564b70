package tls_test

import (
	"bufio"
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/corechan/corechan/transports/internal/socktest"
)

// TestAPeerMayAskForNewKeysButNotWithoutEnd has openssl do so between the handshake and its message, and behind that: crypto/tls
// takes 16 such records in a row.
func TestAPeerMayAskForNewKeysButNotWithoutEnd(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed (apt-get install openssl)")
	}
	socktest.Residue(t)
	p := newParty(t)
	s := socktest.Start(t, p.victim(), socktest.Options{})
	neighbour := socktest.Meet(t, p.victim(), s)
	_, _, ca := p.ca.Write(t.TempDir(), p.ca.Good("nobody"))
	cmd := exec.Command(openssl, "s_client", "-connect", s.Addr, "-alpn", "corechan/1", "-CAfile", ca, "-servername", "localhost", "-tls1_3")
	in, out, errs := must(cmd.StdinPipe()), must(cmd.StdoutPipe()), must(cmd.StderrPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	said := bufio.NewReader(out)
	await := func(what []byte) {
		t.Helper()
		var seen []byte
		for !bytes.HasSuffix(seen, what) {
			b, err := said.ReadByte()
			if err != nil {
				t.Fatalf("openssl has ended before it said %q: %v, %q", what, err, seen)
			}
			seen = append(seen, b)
		}
	}
	await([]byte("---\n")) // it is connected, and takes input
	must(in.Write(socktest.Hello()))
	await([]byte("hanHello"))
	changed := bufio.NewScanner(errs)
	ask := func() (ok bool) {
		_, err := io.WriteString(in, "K\n")
		for err == nil && changed.Scan() {
			if strings.Contains(changed.Text(), "KEYUPDATE") {
				return true
			}
		}
		return false
	}
	for range 10 {
		if !ask() {
			t.Fatal("openssl did not ask for new keys")
		}
	}
	must(in.Write(append(socktest.Open(1, "ping"), socktest.Frame(2, 0, 1, 0, "still the same")...)))
	await([]byte("still the same"))
	for range 100 {
		if !ask() {
			break
		}
	}
	_ = in.Close()
	if err := s.End(t); err == nil || !strings.Contains(err.Error(), "too many non-advancing records") {
		t.Error(err)
	}
	neighbour.GoesOn(t)
}
