using System.CommandLine;
using Grid.Client;
using Grid.Server.Clusters;

namespace Grid.Server.Entries;

/// <summary>Options that the verbs on entries share.</summary>
internal sealed class EntryOptions
{
    private readonly Option<string> _keyspace = new("--keyspace", "-k") { Description = "The keyspace.", HelpName = "NAME", DefaultValueFactory = _ => DefaultKeyspace };
    private readonly ConnectOptions _connect = new();

    public const string DefaultKeyspace = "default";

    public Option<bool> Json { get; } = new("--json") { Description = "Answer as JSON." };

    public Option<bool> KeyHex { get; } = new("--key-hex") { Description = "Keys are hexadecimal digits." };

    public void AddTo(Command command)
    {
        command.Add(_keyspace);
        command.Add(Json);
        _connect.AddTo(command);
    }

    /// <summary>Connects and runs <paramref name="work"/> on the keyspace.</summary>
    public async Task<int> RunAsync(ParseResult parsed, Func<IKeyspace, Task<int>> work, CancellationToken cancellation)
    {
        await using ClusterConnection cluster = await _connect.OpenAsync(parsed, cancellation);
        try
        {
            return await work(cluster.Grid.GetKeyspace(parsed.GetValue(_keyspace)!));
        }
        catch (ArgumentException outside)
        {
            throw CommandException.Usage(outside);
        }
    }
}
