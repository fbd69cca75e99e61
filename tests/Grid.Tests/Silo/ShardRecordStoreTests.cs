using Grid.Replication.Records;
using Grid.Silo;
using Grid.Silo.Events;
using Grid.Silo.Records;
using Grid.Tests.Streams;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans.Storage;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>A write of a record whose answer is lost is settled by one's own nonce, or by a success of the same write, never by the old value.</summary>
public sealed class ShardRecordStoreTests
{
    private static readonly ShardRecord Fresh = ShardRecord.Fresh(3, Guid.NewGuid(), Guid.NewGuid());

    private readonly ForgetfulStorage _storage = new();

    private static CancellationToken Ending => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_write_that_landed_though_its_answer_was_lost_is_known_by_its_own_nonce()
    {
        (ShardRecordStore store, StoredRecord before) = await WithRecordAsync();
        ShardRecord next = Next(before.Record);
        _storage.LosesAnswers = 1;
        RecordWrite write = await store.WriteAsync(next, before.ETag, Ending);
        Assert.True(write.Written);
        Assert.Equal(next.Nonce, write.Current.Record.Nonce);
        Assert.True((await store.WriteAsync(Next(next), write.Current.ETag, Ending)).Written);
    }

    [Fact]
    public async Task A_write_that_did_not_land_is_tried_again_though_the_old_value_was_read()
    {
        (ShardRecordStore store, StoredRecord before) = await WithRecordAsync();
        ShardRecord next = Next(before.Record);
        _storage.LosesWrites = 2;
        Assert.True((await store.WriteAsync(next, before.ETag, Ending)).Written);
        Assert.Equal(next.Nonce, (await store.ReadAsync(3))!.Record.Nonce);
    }

    [Fact]
    public async Task A_write_behind_somebody_elses_is_a_conflict_and_shows_what_is_there()
    {
        (ShardRecordStore store, StoredRecord before) = await WithRecordAsync();
        ShardRecord theirs = Next(before.Record);
        Assert.True((await store.WriteAsync(theirs, before.ETag, Ending)).Written);
        RecordWrite write = await store.WriteAsync(Next(before.Record), before.ETag, Ending);
        Assert.False(write.Written);
        Assert.Equal(theirs.Nonce, write.Current.Record.Nonce);
    }

    /// <summary>A store in which a record is, and what it shows of it.</summary>
    private async Task<(ShardRecordStore Store, StoredRecord Stored)> WithRecordAsync()
    {
        ShardRecordStore store = Store();
        Assert.True(await store.CreateAsync(Fresh));
        return (store, (await store.ReadAsync(Fresh.Shard))!);
    }

    private static ShardRecord Next(ShardRecord record) => record.WithPrimary(new CopyName("a", Guid.NewGuid()), record.Epoch + 1, [], Guid.NewGuid());

    private ShardRecordStore Store()
    {
        GridOptions options = new();
        ServiceProvider services = new ServiceCollection().AddKeyedSingleton<IGrainStorage>(options.RecordStorage, _storage).BuildServiceProvider();
        FakeTime time = new();
        return new ShardRecordStore(services, Options.Create(options), new Troubles(new EventRing("127.0.0.1:11111@1", time), time), NullLogger<ShardRecordStore>.Instance);
    }

    /// <summary>A store of one value that loses writes, or the answers to them.</summary>
    private sealed class ForgetfulStorage : IGrainStorage
    {
        private object? _value;
        private int _tag;

        public int LosesWrites { get; set; }

        public int LosesAnswers { get; set; }

        public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            if (_value is T value)
                (grainState.State, grainState.ETag, grainState.RecordExists) = (value, $"{_tag}", true);
            return Task.CompletedTask;
        }

        public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            if (LosesWrites-- > 0)
                throw new TimeoutException("The write was lost.");
            if (grainState.ETag != (_value is null ? null : $"{_tag}"))
                throw new InconsistentStateException("It was changed by another writer.");
            _value = grainState.State;
            grainState.ETag = $"{++_tag}";
            return LosesAnswers-- > 0 ? throw new TimeoutException("The answer was lost.") : Task.CompletedTask;
        }

        public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => throw new NotSupportedException();
    }
}
