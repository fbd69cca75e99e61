using System.Text;
using System.Text.RegularExpressions;
using Grid.Server.Web.Admin;
using Xunit;

namespace Grid.Tests.Admin;

/// <summary>The page is small, whole and needs nobody else.</summary>
public sealed partial class AdminAssetsTests
{
    private const int BytesMax = 100_000;

    [Fact]
    public void All_files_together_are_small() => Assert.InRange(AdminAssets.Files.Values.Sum(static file => file.Content.Length), 10_000, BytesMax);

    [Fact]
    public void What_a_file_asks_for_is_there_and_nothing_is_asked_of_others()
    {
        foreach ((string name, AdminAsset file) in AdminAssets.Files)
        {
            string text = Encoding.UTF8.GetString(file.Content).Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal);
            Assert.False(text.Contains("//", StringComparison.Ordinal) && Elsewhere().IsMatch(text), $"{name} names another host.");
            foreach (Match import in Import().Matches(text))
                Assert.Contains(import.Groups[1].Value, AdminAssets.Files.Keys);
            foreach (Match asset in Asset().Matches(text))
                Assert.Contains(asset.Groups[1].Value, AdminAssets.Files.Keys);
        }
    }

    [Fact]
    public void No_script_or_style_stands_in_the_page_itself()
    {
        string page = Encoding.UTF8.GetString(AdminAssets.Files["index.html"].Content);
        Assert.DoesNotMatch(Inline(), page);
        foreach (AdminAsset script in AdminAssets.Files.Where(static file => file.Key.EndsWith(".js", StringComparison.Ordinal)).Select(static file => file.Value))
            Assert.DoesNotMatch(Unsafe(), Encoding.UTF8.GetString(script.Content));
        Assert.Contains("default-src 'none'", AdminAssets.Policy);
        Assert.DoesNotContain("unsafe", AdminAssets.Policy);
    }

    [GeneratedRegex("https?://")]
    private static partial Regex Elsewhere();

    [GeneratedRegex("from \"\\./([a-z]+\\.js)\"")]
    private static partial Regex Import();

    [GeneratedRegex("\"/assets/([a-z.]+)\"")]
    private static partial Regex Asset();

    [GeneratedRegex("<script(?![^>]*src=)|<style| style=| on[a-z]+=")]
    private static partial Regex Inline();

    [GeneratedRegex("innerHTML|outerHTML|insertAdjacentHTML|eval\\(|document\\.write")]
    private static partial Regex Unsafe();
}
