using Grid.Client.Pipelines;

namespace Grid.Client.Keyspaces;

/// <summary>The grid over one dispatcher.</summary>
internal sealed class GridClient(OperationDispatcher dispatcher, IGridSerializer serializer, IDisposable? transport = null) : IGrid, IAsyncDisposable
{
    public IKeyspace GetKeyspace(string name, KeyspaceOptions? options = null) => new Keyspace(new KeyspaceCalls(dispatcher, name, options));

    public IKeyspace<TKey, TValue> GetKeyspace<TKey, TValue>(string name, KeyspaceOptions? options = null)
        where TKey : notnull
    {
        KeyspaceCalls calls = new(dispatcher, name, options);
        return new TypedKeyspace<TKey, TValue>(calls, new Keyspace(calls), options?.Serializer ?? serializer);
    }

    public async ValueTask DisposeAsync()
    {
        await dispatcher.DisposeAsync();
        transport?.Dispose();
    }
}
