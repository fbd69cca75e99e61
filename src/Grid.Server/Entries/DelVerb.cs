using System.CommandLine;
using Grid.Server.Terminals;

namespace Grid.Server.Entries;

/// <summary><c>grid del</c>: removes keys.</summary>
internal static class DelVerb
{
    public static Command Create()
    {
        Argument<string[]> keys = new("KEY") { Description = "The keys.", Arity = ArgumentArity.OneOrMore };
        EntryOptions entry = new();
        Command del = new("del", "Removes keys and says how many there were. Exit code 4 if there was none.") { keys, entry.KeyHex };
        entry.AddTo(del);
        del.SetAction((parsed, cancellation) => entry.RunAsync(
            parsed,
            async keyspace =>
            {
                ReadOnlyMemory<byte>[] bytes = [.. parsed.GetValue(keys)!.Select(key => (ReadOnlyMemory<byte>)EntryText.Parse(key, parsed.GetValue(entry.KeyHex), "key"))];
                int deleted = await keyspace.DeleteManyAsync(bytes, cancellationToken: cancellation);
                if (parsed.GetValue(entry.Json))
                    Terminal.WriteJson(new { Deleted = deleted });
                else
                    await Console.Out.WriteLineAsync($"{deleted} deleted");
                return deleted > 0 ? ExitCode.Done : ExitCode.No;
            },
            cancellation));
        return del;
    }
}
