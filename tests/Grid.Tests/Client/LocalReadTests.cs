using System.Buffers;
using System.Text;
using Grid.Client;
using Grid.Client.Local;
using Grid.Formats.Operations;
using Xunit;

namespace Grid.Tests.Client;

/// <summary>Reads that a copy on the caller's silo answers, as the client sees them.</summary>
public sealed class LocalReadTests
{
    private static readonly CallOptions Local = new() { ReadMode = ReadMode.Local };

    private readonly Copies _copies = new();
    private readonly SimulatedCluster _cluster;
    private readonly IKeyspace _keyspace;

    public LocalReadTests()
    {
        _cluster = new SimulatedCluster(1, localCopies: _copies);
        _keyspace = _cluster.Grid.GetKeyspace("k");
    }

    [Fact]
    public void A_copy_answers_in_the_call_and_nothing_is_sent()
    {
        _copies.Entries["k/a"] = ("local", 7, 0);
        Assert.Equal("local", Text(Done(_keyspace.GetAsync("a"u8, Local))));
        Assert.Null(Done(_keyspace.GetAsync("b"u8, Local)));
        Assert.True(Done(_keyspace.ExistsAsync("a"u8, Local)));
        GridEntry<byte[]> entry = Done(_keyspace.GetEntryAsync("a"u8, Local));
        Assert.Equal((true, "local", 7UL), (entry.Found, Text(entry.Value), entry.Version));
        ArrayBufferWriter<byte> writer = new();
        Assert.True(Done(_keyspace.GetAsync("a"u8, writer, Local)));
        Assert.Equal("local", Text(writer.WrittenSpan.ToArray()));
        Assert.Equal(0, _cluster.Calls);
    }

    [Fact]
    public void Where_no_copy_answers_the_read_is_a_linearizable_one()
    {
        _cluster.Get(_keyspace.SetAsync("a"u8, "primary"u8));
        _copies.Answers = false;
        int before = _cluster.Arrived.Count;
        Assert.Equal("primary", Text(_cluster.Get(_keyspace.GetAsync("a"u8, Local))));
        RequestHeader header = RequestHeader.Read(_cluster.Arrived[before], out _);
        Assert.False(header.Committed);
    }

    [Fact]
    public void Without_any_copies_local_reads_are_linearizable()
    {
        SimulatedCluster outside = new(2, configure: static options => options.ReadMode = ReadMode.Local);
        IKeyspace keyspace = outside.Grid.GetKeyspace("k");
        outside.Get(keyspace.SetAsync("a"u8, "primary"u8));
        Assert.Equal("primary", Text(outside.Get(keyspace.GetAsync("a"u8))));
        Assert.Equal("primary", Text(outside.Get(keyspace.GetManyAsync(["a"u8.ToArray()]))[0]));
    }

    [Fact]
    public void Of_many_keys_copies_answer_what_they_can_and_primaries_the_rest()
    {
        _cluster.Get(_keyspace.SetAsync("b"u8, "primary"u8));
        _copies.Entries["k/a"] = ("local", 1, 0);
        _copies.Entries["k/c"] = ("local too", 1, 0);
        _copies.NotHere.Add("k/b");
        byte[]?[] values = _cluster.Get(_keyspace.GetManyAsync(["a"u8.ToArray(), "b"u8.ToArray(), "c"u8.ToArray(), "d"u8.ToArray()], Local));
        Assert.Equal(["local", "primary", "local too", null], values.Select(Text));
    }

    [Fact]
    public void The_failures_of_the_rest_keep_the_places_that_their_keys_had_in_the_call()
    {
        _copies.Entries["k/a"] = ("local", 1, 0);
        _copies.NotHere.Add("k/b");
        _cluster.IsReachable = false;
        Task<byte[]?[]> call = _keyspace.GetManyAsync(["a"u8.ToArray(), "b"u8.ToArray()], Local with { Timeout = TimeSpan.FromMilliseconds(50) }).AsTask();
        _cluster.Run(1000);
        GridManyException some = Assert.IsType<GridManyException>(call.Exception?.InnerException);
        Assert.Equal(1, Assert.Single(some.Failures).Index);
    }

    [Fact]
    public void The_bound_of_the_call_comes_before_that_of_the_keyspace_and_this_before_the_clients()
    {
        Done(_keyspace.GetAsync("a"u8, Local));
        Assert.Equal(1000, _copies.LastBoundMs);
        IKeyspace patient = _cluster.Grid.GetKeyspace("k", new KeyspaceOptions { ReadMode = ReadMode.Local, MaxStaleness = TimeSpan.FromSeconds(30) });
        Done(patient.GetAsync("a"u8));
        Assert.Equal(30_000, _copies.LastBoundMs);
        Done(patient.GetAsync("a"u8, new CallOptions { MaxStaleness = TimeSpan.FromMilliseconds(5) }));
        Assert.Equal(5, _copies.LastBoundMs);
        Assert.ThrowsAny<ArgumentException>(() => { _ = patient.GetAsync("a"u8, new CallOptions { MaxStaleness = TimeSpan.Zero }).IsCompleted; });
        Assert.ThrowsAny<ArgumentException>(() => _cluster.Grid.GetKeyspace("k", new KeyspaceOptions { MaxStaleness = TimeSpan.FromDays(2) }));
    }

    [Fact]
    public void A_value_that_does_not_fit_the_type_is_told_as_such()
    {
        _copies.Entries["n/1"] = ("no number", 1, 0);
        IKeyspace<int, long> numbers = _cluster.Grid.GetKeyspace<int, long>("n", new KeyspaceOptions { ReadMode = ReadMode.Local });
        Task<GridValue<long>> call = numbers.GetAsync(1).AsTask();
        Assert.IsType<GridSerializationException>(call.Exception?.InnerException);
    }

    [Fact]
    public void A_cancelled_call_reads_nothing()
    {
        _copies.Entries["k/a"] = ("local", 1, 0);
        Assert.True(_keyspace.GetAsync("a"u8, Local, new CancellationToken(true)).IsCanceled);
        Assert.True(_keyspace.GetManyAsync(["a"u8.ToArray()], Local, new CancellationToken(true)).IsCanceled);
    }

    [Fact]
    public void Nothing_is_allocated_but_the_result()
    {
        _copies.Entries["k/a"] = ("0123456789", 1, 0);
        ArrayBufferWriter<byte> writer = new(4096);
        byte[] key = "a"u8.ToArray();
        _copies.IsQuiet = true;
        Assert.Equal(0, Allocated(() => { writer.ResetWrittenCount(); return Done(_keyspace.GetAsync(key, writer, Local)); }));
        Assert.Equal(0, Allocated(() => Done(_keyspace.ExistsAsync(key, Local))));
        Assert.InRange(Allocated(() => Done(_keyspace.GetAsync(key, Local)) is not null), 1000 * 34, 1000 * 40);
    }

    /// <summary>What a thousand reads allocate.</summary>
    private static long Allocated(Func<bool> read)
    {
        bool all = true;
        long least = Allocations.Least(() =>
        {
            for (int i = 0; i < 1000; i++)
                all &= read();
        });
        Assert.True(all);
        return least;
    }

    private static T Done<T>(ValueTask<T> call)
    {
        Assert.True(call.IsCompletedSuccessfully, "the read was not answered in its call");
        return call.GetAwaiter().GetResult();
    }

    private static string? Text(byte[]? value) => value is null ? null : Encoding.UTF8.GetString(value);

    private sealed class Copies : ILocalCopies
    {
        private readonly byte[] _quiet = "0123456789"u8.ToArray();

        public Dictionary<string, (string Value, ulong Version, long Expiry)> Entries { get; } = [];

        public HashSet<string> NotHere { get; } = [];

        public bool Answers { get; set; } = true;

        /// <summary>True to answer everything with one value, without allocating.</summary>
        public bool IsQuiet { get; set; }

        public long LastBoundMs { get; private set; }

        public bool TryRead(string keyspace, ReadOnlySpan<byte> key, long maxStalenessMs, IBufferWriter<byte>? value, out LocalEntry entry)
        {
            LastBoundMs = maxStalenessMs;
            if (IsQuiet)
            {
                value?.Write(_quiet);
                entry = new LocalEntry(true, 1, 0, 0);
                return true;
            }

            string name = $"{keyspace}/{Encoding.UTF8.GetString(key)}";
            bool found = Entries.TryGetValue(name, out (string Value, ulong Version, long Expiry) there);
            if (found)
                value?.Write(Encoding.UTF8.GetBytes(there.Value));
            entry = new LocalEntry(found, there.Version, there.Expiry, 0);
            return Answers && !NotHere.Contains(name);
        }
    }
}
