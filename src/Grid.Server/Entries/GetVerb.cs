using System.CommandLine;
using Grid.Client;
using Grid.Server.Terminals;

namespace Grid.Server.Entries;

/// <summary><c>grid get</c>: reads one value.</summary>
internal static class GetVerb
{
    public static Command Create()
    {
        Argument<string> key = new("KEY") { Description = "The key." };
        Option<bool> hex = new("--hex") { Description = "Write the value as hexadecimal digits." };
        Option<bool> raw = new("--raw") { Description = "Write the value's bytes as they are, without a line end." };
        EntryOptions entry = new();
        Command get = new("get", "Reads a value. Exit code 4 if there is no such key.") { key, entry.KeyHex, hex, raw };
        entry.AddTo(get);
        get.Validators.Add(result =>
        {
            if (new[] { result.GetValue(hex), result.GetValue(raw), result.GetValue(entry.Json) }.Count(chosen => chosen) > 1)
                result.AddError("--hex, --raw and --json exclude each other.");
        });
        get.SetAction((parsed, cancellation) => entry.RunAsync(
            parsed,
            async keyspace =>
            {
                byte[] bytes = EntryText.Parse(parsed.GetValue(key)!, parsed.GetValue(entry.KeyHex), "key");
                GridEntry<byte[]> found = await keyspace.GetEntryAsync(bytes, cancellationToken: cancellation);
                if (!found.Found)
                {
                    Terminal.Note($"there is no key '{parsed.GetValue(key)}' in keyspace '{keyspace.Name}'.");
                    return ExitCode.No;
                }

                if (parsed.GetValue(entry.Json))
                    Terminal.WriteJson(EntryJson.Of(bytes, found.Value, withValue: true, found.Version, found.ExpiresAt));
                else if (parsed.GetValue(raw))
                    await WriteRawAsync(found.Value!, cancellation);
                else
                    await Console.Out.WriteLineAsync(parsed.GetValue(hex) ? Convert.ToHexStringLower(found.Value!) : Text(found.Value!));
                return ExitCode.Done;
            },
            cancellation));
        return get;
    }

    private static string Text(byte[] value) => EntryText.TryText(value)
        ?? throw new CommandException(ExitCode.Failed, $"the value, {value.Length} bytes, is not text in UTF-8; use --hex or --raw.");

    private static async Task WriteRawAsync(byte[] value, CancellationToken cancellation)
    {
        await using Stream output = Console.OpenStandardOutput();
        await output.WriteAsync(value, cancellation);
    }
}
