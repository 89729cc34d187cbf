package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hibachi/links/sasl"
)

func userCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "user",
		Short: "Add, list and remove the users of `hibachi serve --users`",
		Long: `Keeps the file of users that "hibachi serve --users FILE" reads: a line for each, with a salted verifier (SCRAM-SHA-256, in
PostgreSQL's form) and no password. A broker that runs reads it again on SIGHUP.`,
	}
	c.AddCommand(userAddCommand(), userListCommand(), userRemoveCommand())
	return c
}

func userAddCommand() *cobra.Command {
	var fromStdin bool
	c := &cobra.Command{
		Use:   "add FILE NAME",
		Short: "Add a user, or give one a new password",
		Example: `  hibachi user add users adapter
  hibachi user add users adapter --password-stdin <secret`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			file, name := args[0], args[1]
			password, err := newPassword(c, name, fromStdin)
			if err != nil {
				return err
			}
			verifier, err := sasl.MakeVerifier(password)
			if err != nil {
				return err
			}
			replaced, err := sasl.SetUser(file, name, verifier)
			if err != nil {
				return err
			}
			done := "added to"
			if replaced {
				done = "has a new password in"
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s %s %s\n", name, done, file)
			return err
		},
	}
	c.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from the first line of stdin, without asking")
	return c
}

func userListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list FILE",
		Short: "List the users",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			users, err := sasl.OpenUsers(args[0])
			if err != nil {
				return err
			}
			for _, name := range users.Names() {
				if _, err := fmt.Fprintln(c.OutOrStdout(), name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func userRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove FILE NAME",
		Short: "Remove a user",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			file, name := args[0], args[1]
			removed, err := sasl.RemoveUser(file, name)
			if err != nil {
				return err
			}
			if !removed {
				return fmt.Errorf("there is no user %s in %s", name, file)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s removed from %s\n", name, file)
			return err
		},
	}
}

// newPassword asks a person for a password, twice and without showing it, or reads it from stdin.
func newPassword(c *cobra.Command, name string, fromStdin bool) (string, error) {
	if fromStdin {
		password, err := firstLine(c.InOrStdin())
		if err != nil {
			return "", fmt.Errorf("read the password from stdin: %w", err)
		}
		return password, nil
	}
	terminal, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return "", usageError{errors.New("there is no terminal to ask for a password: give --password-stdin")}
	}
	first, err := ask(c.Context(), c.ErrOrStderr(), int(terminal.Fd()), "Password of "+name+": ")
	if err != nil {
		return "", err
	}
	second, err := ask(c.Context(), c.ErrOrStderr(), int(terminal.Fd()), "Once more: ")
	switch {
	case err != nil:
		return "", err
	case first != second:
		return "", errors.New("these are two different passwords")
	case first == "":
		return "", errors.New("the password is empty")
	}
	return first, nil
}

// ask reads a line without echo. When ctx ends it leaves the terminal as it found it; only the end of the process ends the read itself.
func ask(ctx context.Context, prompt io.Writer, terminal int, question string) (string, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("ask for the password: %w", err)
	}
	fmt.Fprint(prompt, question)
	defer fmt.Fprintln(prompt)
	type answer struct {
		text []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(terminal)
		typed <- answer{text, err}
	}()
	select {
	case a := <-typed:
		if a.err != nil {
			return "", fmt.Errorf("read the password: %w", a.err)
		}
		return string(a.text), nil
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(terminal, before))
	}
}
