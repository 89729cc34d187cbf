package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hibachi/cmd/hibachi/client"
)

// endpointFlags are what send and receive have in common: where the broker is, and who asks.
type endpointFlags struct {
	url, user, passwordFile string
	timeout                 time.Duration
}

func (f *endpointFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.url, "url", client.DefaultURL, "the broker: amqp://host[:port], or amqps:// for TLS")
	c.Flags().StringVar(&f.user, "user", "", "who we are (SASL PLAIN); without it ANONYMOUS")
	c.Flags().StringVar(&f.passwordFile, "password-file", "", "file whose first line is the password of --user")
	c.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "how long the broker may take for an answer")
}

func (f *endpointFlags) endpoint() (client.Endpoint, error) {
	e := client.Endpoint{URL: f.url, User: f.user, Timeout: f.timeout}
	if err := e.Validate(); err != nil {
		return e, usageError{err}
	}
	if (f.user == "") != (f.passwordFile == "") {
		return e, usageError{errors.New("--user and --password-file go together")}
	}
	if f.user == "" {
		return e, nil
	}
	var err error
	e.Password, err = readPasswordFile(f.passwordFile)
	return e, err
}

func readPasswordFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	defer file.Close()
	password, err := firstLine(file)
	if err != nil {
		return "", fmt.Errorf("read the password from %s: %w", name, err)
	}
	return password, nil
}

// firstLine is the first line of r without its end; it must not be empty.
func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("the first line is empty")
	}
	return line, nil
}

// oneTenant holds the arguments of send and receive to what they take.
func oneTenant(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errors.New("which tenant? It comes right after the command")
	case 1:
		return nil
	}
	return fmt.Errorf("one tenant, please, not %q", args)
}
