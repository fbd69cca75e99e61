using System.CommandLine;
using System.Text;
using Grid.Client;
using Grid.Server.Terminals;

namespace Grid.Server.Entries;

/// <summary><c>grid scan</c>: lists entries.</summary>
internal static class ScanVerb
{
    public static Command Create()
    {
        Option<string> prefix = new("--prefix") { Description = "Only keys that begin with this.", HelpName = "TEXT", DefaultValueFactory = _ => "" };
        Option<long> limit = new("--limit") { Description = "At most this many entries.", HelpName = "NUMBER", DefaultValueFactory = _ => long.MaxValue };
        Option<bool> keysOnly = new("--keys-only") { Description = "Keys without values." };
        EntryOptions entry = new();
        Command scan = new("scan", "Lists entries, one a line: key, tab, value; \\n, \\t, \\\\ and \\xNN stand for what is no plain text. --json gives an object a line.") { prefix, limit, keysOnly };
        entry.AddTo(scan);
        limit.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(limit) < 1)
                result.AddError("--limit is at least 1.");
        });
        scan.SetAction((parsed, cancellation) => entry.RunAsync(
            parsed,
            async keyspace =>
            {
                bool withValues = !parsed.GetValue(keysOnly);
                bool json = parsed.GetValue(entry.Json);
                long left = parsed.GetValue(limit);
                ScanOptions options = new() { Prefix = Encoding.UTF8.GetBytes(parsed.GetValue(prefix)!), KeysOnly = !withValues, PageEntries = (int)Math.Min(left, ScanOptions.PageEntriesDefault) };
                await foreach (ScanEntry<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> found in keyspace.ScanAsync(options, cancellationToken: cancellation))
                {
                    if (json)
                        Terminal.WriteJson(EntryJson.Of(found.Key.Span, found.Value.Span, withValues, found.Version, found.ExpiresAt), oneLine: true);
                    else
                        await Console.Out.WriteLineAsync(EntryText.Line(found.Key.Span) + (withValues ? "\t" + EntryText.Line(found.Value.Span) : ""));
                    if (--left == 0)
                        break;
                }

                return ExitCode.Done;
            },
            cancellation));
        return scan;
    }
}
