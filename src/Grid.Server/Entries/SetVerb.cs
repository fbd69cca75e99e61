using System.CommandLine;
using Grid.Client;
using Grid.Server.Terminals;

namespace Grid.Server.Entries;

/// <summary><c>grid set</c>: writes one value.</summary>
internal static class SetVerb
{
    public static Command Create()
    {
        Argument<string> key = new("KEY") { Description = "The key." };
        Argument<string> value = new("VALUE") { Description = "The value; - reads its bytes from standard input." };
        Option<bool> hex = new("--hex") { Description = "VALUE is hexadecimal digits." };
        Option<TimeSpan?> ttl = new("--ttl") { Description = "Time to live: 500ms, 30s, 15m, 12h, 7d.", HelpName = "TIME", CustomParser = result => TimeText.Parse(result) };
        Option<bool> keepTtl = new("--keep-ttl") { Description = "Leave the entry the expiry that it has." };
        Option<bool> ifAbsent = new("--if-absent") { Description = "Only if there is no such key." };
        Option<bool> ifPresent = new("--if-present") { Description = "Only if there is such a key." };
        Option<ulong?> ifVersion = new("--if-version") { Description = "Only if the entry has this version.", HelpName = "VERSION" };
        EntryOptions entry = new();
        Command set = new("set", "Writes a value. Exit code 4 if its condition does not hold.") { key, value, entry.KeyHex, hex, ttl, keepTtl, ifAbsent, ifPresent, ifVersion };
        entry.AddTo(set);
        set.Validators.Add(result =>
        {
            if (new[] { result.GetValue(ifAbsent), result.GetValue(ifPresent), result.GetValue(ifVersion) is not null }.Count(chosen => chosen) > 1)
                result.AddError("--if-absent, --if-present and --if-version exclude each other.");
            if (result.GetValue(keepTtl) && result.GetResult(ttl) is not null)
                result.AddError("--ttl and --keep-ttl exclude each other.");
        });
        set.SetAction((parsed, cancellation) => entry.RunAsync(
            parsed,
            async keyspace =>
            {
                byte[] keyBytes = EntryText.Parse(parsed.GetValue(key)!, parsed.GetValue(entry.KeyHex), "key");
                byte[] valueBytes = await ReadValueAsync(parsed.GetValue(value)!, parsed.GetValue(hex), cancellation);
                SetOptions options = new()
                {
                    When = parsed.GetValue(ifAbsent) ? SetWhen.Absent : parsed.GetValue(ifPresent) ? SetWhen.Present : parsed.GetValue(ifVersion) is null ? SetWhen.Always : SetWhen.Version,
                    Version = parsed.GetValue(ifVersion) ?? 0,
                    TimeToLive = parsed.GetValue(ttl),
                    KeepTimeToLive = parsed.GetValue(keepTtl),
                };
                SetResult done = await keyspace.SetAsync(keyBytes, valueBytes, options, cancellationToken: cancellation);
                if (parsed.GetValue(entry.Json))
                    Terminal.WriteJson(done);
                else if (done.Applied)
                    await Console.Out.WriteLineAsync($"OK, version {done.Version}");
                else
                    Terminal.Note("the condition did not hold; nothing was changed.");
                return done.Applied ? ExitCode.Done : ExitCode.No;
            },
            cancellation));
        return set;
    }

    private static async Task<byte[]> ReadValueAsync(string value, bool hex, CancellationToken cancellation)
    {
        if (value != "-")
            return EntryText.Parse(value, hex, "value");
        await using Stream input = Console.OpenStandardInput();
        using MemoryStream bytes = new();
        byte[] piece = new byte[64 << 10];
        int read;
        while ((read = await input.ReadAsync(piece, cancellation)) > 0)
        {
            if (bytes.Length + read > GridLimits.ValueBytesMax)
                throw new CommandException(ExitCode.Usage, $"the value on standard input is longer than {GridLimits.ValueBytesMax >> 20} MiB, the longest that the grid takes.");
            bytes.Write(piece, 0, read);
        }

        return bytes.ToArray();
    }
}
