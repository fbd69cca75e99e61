namespace Grid.Client;

/// <summary>The grid as its users see it: the way to its keyspaces.</summary>
/// <remarks>
/// One instance for a process, from <c>AddGridClient()</c> (any host) or <c>AddGrid()</c> (a silo). Thread-safe. It and
/// the keyspaces that it gives share their connections, batches and bounds.
/// </remarks>
public interface IGrid
{
    /// <summary>A keyspace as bytes. Nothing is sent, and a keyspace need not be created: it exists as soon as it has an entry.</summary>
    /// <param name="name">1 to 128 characters: ASCII letters, digits, and <c>. _ - :</c>; the first one a letter, a digit or <c>_</c>.</param>
    /// <param name="options">Defaults for the calls made through the returned object; they belong to it, not to the keyspace.</param>
    /// <exception cref="ArgumentException">The name, or an option, is outside of what is allowed; the message says which.</exception>
    IKeyspace GetKeyspace(string name, KeyspaceOptions? options = null);

    /// <summary>A keyspace with typed keys and values: a view over the same bytes that <see cref="GetKeyspace(string, KeyspaceOptions?)"/> shows.</summary>
    /// <typeparam name="TKey">
    /// <see cref="string"/> (kept as UTF-8), <see cref="Guid"/> (36 characters), <see cref="int"/> and <see cref="long"/> (decimal
    /// text), <c>byte[]</c> (as it is), or any type that the serializer writes.
    /// </typeparam>
    /// <typeparam name="TValue">
    /// <c>byte[]</c> (as it is), <see cref="string"/> (UTF-8), <see cref="int"/> and <see cref="long"/> (decimal text, as counters
    /// are kept), or any type that the serializer writes.
    /// </typeparam>
    /// <param name="name">As for <see cref="GetKeyspace(string, KeyspaceOptions?)"/>.</param>
    /// <param name="options">As for <see cref="GetKeyspace(string, KeyspaceOptions?)"/>.</param>
    /// <exception cref="ArgumentException">The name, or an option, is outside of what is allowed; the message says which.</exception>
    IKeyspace<TKey, TValue> GetKeyspace<TKey, TValue>(string name, KeyspaceOptions? options = null)
        where TKey : notnull;
}
